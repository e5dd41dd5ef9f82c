"""Two sequences side by side: which item of one is which of the other, both in order.

Short sequences are aligned exactly: of all alignments the one with the greatest sum of scores.  Long ones are first cut
at items that are equal, by an edit distance of insertions, deletions and substitutions (Ukkonen 1985: O(N + D²) for D
edits), and what lies between is aligned exactly.  Work is bounded: where more than `EDITS` edits lie together, the
furthest that they reach is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")
Pair = tuple[int, int]  # positions before, after
Key = Callable[[T], Hashable]

CELLS = 10_000  # pairs of items that are compared one with each other
EDITS = 128


def align(before: Sequence[T], after: Sequence[T], keys: Sequence[Key[T]], score: Callable[[T, T], int]) -> list[Pair]:
    """Positions of what is the same, rising on both sides.

    `keys` say what makes two items equal, the strictest first: items of one first key belong together wherever they
    can.  `score` says how well two items fit; 0: not at all.
    """
    first, last = _equal_ends([keys[0](item) for item in before], [keys[0](item) for item in after])
    a, b = range(first, len(before) - last), range(first, len(after) - last)
    pairs = _between(before, after, a, b, keys, score)
    if len(a) * len(b) > CELLS and len(pairs) < min(len(a), len(b)):  # equal names can stand in the way of more pairs
        other = _between(before, after, a, b, keys[1:], score)
        pairs = max(pairs, other, key=lambda pairs: sum(score(before[i], after[j]) for i, j in pairs))
    ends = [(len(before) - k, len(after) - k) for k in range(last, 0, -1)]
    return [*zip(range(first), range(first), strict=True), *pairs, *ends]


def _equal_ends(before: Sequence[Hashable], after: Sequence[Hashable]) -> tuple[int, int]:
    """How many items are equal at the beginning, and at the end."""
    shorter = min(len(before), len(after))
    first = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    last = next((i for i in range(shorter - first) if before[-1 - i] != after[-1 - i]), shorter - first)
    return first, last


def _between(
    before: Sequence[T], after: Sequence[T], a: range, b: range, keys: Sequence[Key[T]], score: Callable[[T, T], int]
) -> list[Pair]:
    """The alignment of two ranges: exact where it is cheap, else cut at what the first key calls equal."""
    if not a or not b:
        return []
    if len(a) * len(b) <= CELLS:
        return best_alignment(before, after, a, b, score)
    if not keys:  # nothing to cut at: what stands at one place
        return [(i, j) for i, j in zip(a, b, strict=False) if score(before[i], after[j])]
    pairs: list[Pair] = []
    cuts = equal_items([keys[0](before[i]) for i in a], [keys[0](after[j]) for j in b])
    i, j = a.start, b.start
    for x, y in [*((a[x], b[y]) for x, y in cuts), (a.stop, b.stop)]:
        pairs += _between(before, after, range(i, x), range(j, y), keys[1:], score)
        if x < a.stop:
            pairs.append((x, y))
        i, j = x + 1, y + 1
    return pairs


def best_alignment(
    before: Sequence[T], after: Sequence[T], a: range, b: range, score: Callable[[T, T], int]
) -> list[Pair]:
    """The pairs of the greatest sum of scores; of several, the one whose pairs come first."""
    scores = [[score(before[i], after[j]) for j in b] for i in a]
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]  # of the rests from (i, j) on
    for i in reversed(range(len(a))):
        row, below, of_item = best[i], best[i + 1], scores[i]
        for j in reversed(range(len(b))):
            most = max(below[j], row[j + 1])
            row[j] = max(most, below[j + 1] + of_item[j]) if of_item[j] else most
    pairs: list[Pair] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if scores[i][j] and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
            pairs.append((a[i], b[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def equal_items(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
    """Positions of equal items in an alignment of few edits, all pieces of at most `EDITS` edits put together."""
    first, last = _equal_ends(before, after)
    pairs = [(i, i) for i in range(first)]
    i = j = first
    a, b = before[: len(before) - last], after[: len(after) - last]
    if not set(a[first:]).isdisjoint(b[first:]):
        while i < len(a) and j < len(b):
            piece, i, j = _piece(a, b, i, j)
            pairs += piece
    return pairs + [(len(before) - k, len(after) - k) for k in range(last, 0, -1)]


def _piece(before: Sequence[Hashable], after: Sequence[Hashable], i: int, j: int) -> tuple[list[Pair], int, int]:
    """Equal items from (i, j) on, and where the piece ends: at both ends, or after `EDITS` edits as far as one gets.

    On the diagonal k, (read of after) − (read of before), e edits read `fronts[e][k]` items of before.
    """
    rows, columns = len(before) - i, len(after) - j
    goal = columns - rows
    fronts: list[dict[int, int]] = []
    starts: list[dict[int, tuple[int, int]]] = []  # where the run of equal items began, and on which diagonal before
    for edits in range(EDITS + 1):
        last = fronts[-1] if fronts else {}
        front: dict[int, int] = {}
        start: dict[int, tuple[int, int]] = {}
        for k in range(max(-edits, -rows), min(edits, columns) + 1):
            x, source = (last.get(k, -2) + 1, k) if edits else (0, 0)  # a substitution
            for moved, other in ((last.get(k + 1, -2) + 1, k + 1), (last.get(k - 1, -2), k - 1)):  # deleted, inserted
                if moved > x:
                    x, source = moved, other
            if not 0 <= x <= rows or x + k > columns or x + k < 0:
                continue
            start[k] = x, source
            while x < rows and x + k < columns and before[i + x] == after[j + x + k]:
                x += 1
            front[k] = x
        fronts.append(front)
        starts.append(start)
        if front.get(goal) == rows:
            return _runs(fronts, starts, goal, i, j), len(before), len(after)
    furthest = max(front, key=lambda k: (2 * front[k] + k, -abs(k)))
    return _runs(fronts, starts, furthest, i, j), i + front[furthest], j + front[furthest] + furthest


def _runs(
    fronts: list[dict[int, int]], starts: list[dict[int, tuple[int, int]]], diagonal: int, i: int, j: int
) -> list[Pair]:
    """The equal items on the way to the last edit on a diagonal."""
    runs = []
    for front, start in zip(reversed(fronts), reversed(starts), strict=True):
        first, source = start[diagonal]
        runs.append([(i + x, j + x + diagonal) for x in range(first, front[diagonal])])
        diagonal = source
    return [pair for run in reversed(runs) for pair in run]
