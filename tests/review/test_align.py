"""Sequences side by side: the best alignment against all alignments, the fast one against edits that are known."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.review.align import CELLS, align, best_alignment, equal_items

WORDS = st.lists(st.sampled_from("abcd"), max_size=6)


def score(a: str, b: str) -> int:
    """`x1` and `x1` fit best, then `x1` and `x2`."""
    return 0 if a[0] != b[0] else 3 if a == b else 2


@given(WORDS, WORDS)
def test_the_best_alignment_is_the_best_of_all(before: list[str], after: list[str]) -> None:
    def total(pairs: list[tuple[int, int]]) -> int:
        return sum(score(before[i], after[j]) for i, j in pairs)

    pairs = best_alignment(before, after, range(len(before)), range(len(after)), score)
    everything = [
        list(zip(a, b, strict=True))
        for count in range(min(len(before), len(after)) + 1)
        for a in combinations(range(len(before)), count)
        for b in combinations(range(len(after)), count)
    ]
    fitting = [p for p in everything if all(score(before[i], after[j]) for i, j in p)]
    assert pairs in fitting and total(pairs) == max(map(total, fitting))


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=300), st.lists(st.integers(0, 5), max_size=300))
def test_what_is_paired_is_equal_and_in_order(before: list[int], after: list[int]) -> None:
    pairs = equal_items(before, after)
    assert all(before[i] == after[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert len(pairs) == len(before) or before != after


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_all_but_what_stands_between_edits_is_paired(seed: int, edits: int) -> None:
    rng = random.Random(seed)
    before = list(range(500))
    after: list[int] = list(before)
    for edit in range(edits):
        position = rng.randrange(len(after))
        match rng.randrange(3):
            case 0:
                del after[position]
            case 1:
                after.insert(position, 1000 + edit)
            case 2:
                after[position] = 1000 + edit
    untouched = set(before) & set(after)
    pairs = equal_items(before, after)
    assert len(untouched - {before[i] for i, _ in pairs}) <= edits  # one between two edits may be taken for two others
    keys = (lambda item: item,)
    assert {before[i] for i, _ in align(before, after, keys, lambda a, b: a == b)} == untouched


def test_many_equal_items_keep_their_places_when_some_are_others() -> None:
    """Every 20th of 1,000 equal items is another: the rest stays where it is, none slides to the end."""
    before = ["relu"] * 1000
    after = ["gelu" if i % 20 == 19 else "relu" for i in range(1000)]
    assert equal_items(before, after) == [(i, i) for i in range(1000) if i % 20 != 19]


def test_names_decide_where_all_else_is_equal() -> None:
    before = [f"x{i}" for i in range(200)]
    assert len(before) ** 2 > CELLS
    after = ["x_new", *before]
    keys = (lambda item: item, lambda item: item[0])
    assert align(before, after, keys, score) == [(i, i + 1) for i in range(200)]
    assert align(before[50:], before, keys, score) == [(i, i + 50) for i in range(150)]


def test_more_pairs_come_before_names() -> None:
    """Two of three names would fit if the first and the last item were given up."""
    assert align(["x1", "x2", "x3"], ["x0", "x1", "x2"], (lambda item: item,), score) == [(0, 0), (1, 1), (2, 2)]
