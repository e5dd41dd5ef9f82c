"""Bounds of named axes against the conditions that they were made from, number by number."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.shapes.dim import Dim, Size, at, product, symbol
from netspec.shapes.lengths import Needs, least_true, lengths_of

S, T = symbol("S"), symbol("T")


@st.composite
def steps(draw: st.DrawFn, name: str = "T") -> Size:
    """What layers make of an axis: strides, pads, slices from the end, scales."""
    size: Size = symbol(name)
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.integers(1, 7))
        size = draw(
            st.sampled_from(
                [
                    size - number,
                    size + number,
                    (size - number) // 2 + 1,
                    size // number,
                    size * number,
                    number * 3 - size,
                    size + size // number,
                ]
            )
        )
    return size


sizes = (
    steps()
    | steps("S")
    | st.builds(lambda a, b: product((a, b)), steps(), steps("S"))
    | st.builds(lambda a, b: a + b, steps(), steps("S"))
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(sizes, st.integers(-3, 9)), max_size=5))
def test_they_say_what_the_conditions_say(conditions: list[tuple[Size, int]]) -> None:
    needs: Needs = {(size, least): "it" for size, least in conditions if isinstance(size, Dim)}
    lengths = lengths_of(needs)
    for t in (*range(1, 25), 64, 1000):
        for s in (1, 2, 3, 7, 20, 500):
            numbers = {"T": t, "S": s}
            holds = all(at(size, numbers) >= least for size, least in needs)
            assert lengths.allows(numbers) == holds
            if holds:
                assert lengths.clash() is None
                for name, number in numbers.items():
                    assert lengths.least(name) <= number <= (lengths.most(name) or number)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(sizes, st.integers(-3, 9)), max_size=4), st.integers(1, 60), st.integers(1, 60))
def test_their_text_is_a_formula(conditions: list[tuple[Size, int]], t: int, s: int) -> None:
    for condition in lengths_of({(size, n): "it" for size, n in conditions if isinstance(size, Dim)}).conditions:
        assert eval(str(condition), {}, {"T": t, "S": s}) == condition.holds({"T": t, "S": s})


@pytest.mark.parametrize(
    ("needs", "text"),
    [
        ([(T, 1)], ""),
        ([(T // 2, 1)], "T >= 2"),
        ([(T - 4, 1), (T - 9, 0)], "T >= 9"),
        ([((T - 3) // 2 + 1, 1)], "T >= 3"),
        ([(T - 6, 0), (12 - T, 1), ((9 - T) // 2 + 1, 1)], "T >= 6, T <= 9"),
        ([(S * T, 10)], "S*T >= 10"),
        ([(S * T, 10), (T, 10)], "T >= 10"),
        ([(100 - S * T, 0), (10 - T, 0), (10 - S, 0)], "S <= 10, T <= 10"),
        ([(100 - S * T, 0), (11 - T, 0), (10 - S, 0)], "S <= 10, T <= 11, S*T <= 100"),
        ([(T - 2 * (T // 2), 1)], "T - 2*(T//2) >= 1"),
        ([(T - 10**6, 1)], "T >= 1000001"),
    ],
)
def test_bounds(needs: list[tuple[Dim, int]], text: str) -> None:
    assert lengths_of(dict.fromkeys(needs, "it")).text() == text


def test_a_clash_names_both() -> None:
    clash = lengths_of({(T - 12, 0): "tail", (9 - T, 0): "head"}).clash()  # type: ignore[dict-item]  # they are Dims
    assert clash is not None and [c.by for c in clash] == ["tail", "head"]


@given(st.integers(1, 3000))
def test_first(number: int) -> None:
    assert least_true(lambda n: n >= number) == number
