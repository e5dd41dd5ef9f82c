"""Symbolic sizes against whole numbers: whatever is computed with names gives the same once they are numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.shapes.dim import Dim, Size, at, exact_div, product, symbol
from netspec.shapes.tensor import TensorType

NAMES = ("B", "T", "U")
Step = tuple[str, int]
Tree = int | str | tuple[str, "Tree", "Tree"] | tuple[str, "Tree", int]

leaves = st.sampled_from(NAMES) | st.integers(-4, 9)
trees = st.recursive(
    leaves,
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner) | st.tuples(st.just("//"), inner, st.integers(1, 7)),
    max_leaves=7,
)
numbers = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def build(tree: Tree, leaf: dict[str, Size] | dict[str, int]) -> Size:
    """The value of an expression over these leaves."""
    if isinstance(tree, (int, str)):
        return leaf[tree] if isinstance(tree, str) else tree
    sign, left, right = tree
    a, b = build(left, leaf), build(right, leaf)
    if sign == "//":
        assert isinstance(b, int)
        return a // b
    return a + b if sign == "+" else a - b if sign == "-" else a * b


SYMBOLS: dict[str, Size] = {name: symbol(name) for name in NAMES}


@settings(max_examples=600, deadline=None)
@given(trees, numbers)
def test_a_size_is_its_numbers(tree: Tree, sizes: dict[str, int]) -> None:
    symbolic = build(tree, SYMBOLS)
    assert at(symbolic, sizes) == build(tree, sizes)
    assert str(symbolic)
    if isinstance(symbolic, Dim):
        assert symbolic.names() <= set(NAMES)
        assert symbolic.terms != ()  # a plain number is an int, never a Dim


@settings(max_examples=300, deadline=None)
@given(trees, numbers)
def test_text_of_a_size_is_a_formula(tree: Tree, sizes: dict[str, int]) -> None:
    assert eval(str(build(tree, SYMBOLS)), {}, dict(sizes)) == build(tree, sizes)


@settings(max_examples=300, deadline=None)
@given(trees, trees, numbers)
def test_algebra(a: Tree, b: Tree, sizes: dict[str, int]) -> None:
    x, y = build(a, SYMBOLS), build(b, SYMBOLS)
    assert x + y == y + x and x * y == y * x
    assert x - x == 0 and x + y - y == x
    assert hash(x + y) == hash(y + x)
    assert (x * 6) // 6 == x
    divided = exact_div(x * y, y)
    if divided is not None and at(y, sizes) != 0:
        assert at(divided, sizes) == at(x, sizes)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (symbol("T") + symbol("T"), "2*T"),
        (symbol("T") // 2, "T//2"),
        ((symbol("T") - 1) // 2 + 1, "(T + 1)//2"),
        (symbol("T") // 2 // 2, "T//4"),
        ((2 * symbol("T") + 4) // 2, "T + 2"),
        (symbol("T") * symbol("U") * 8, "8*T*U"),
        (2 * (symbol("T") // 3), "2*(T//3)"),
        (4 - symbol("T"), "-T + 4"),
    ],
)
def test_normal_form(size: Size, text: str) -> None:
    assert str(size) == text


def test_division() -> None:
    t = symbol("T")
    assert exact_div(t * 8, t) == 8
    assert exact_div(t * 8 + 4, 4) == t * 2 + 1
    assert exact_div(t * 8 + 3, 4) is None
    assert exact_div(7, 2) is None
    assert exact_div(7, t) is None
    with pytest.raises(ZeroDivisionError):
        t // 0


def test_tensor_types() -> None:
    x = TensorType((symbol("B"), symbol("T"), 8), "int64")
    assert str(x) == "(B, T, 8)"
    assert x.rank == 3 and not x.floating
    assert x.numel() == symbol("T") * 8
    assert x.bytes() == symbol("T") * 64
    assert x.symbols() == {"B", "T"}
    assert x.with_shape(symbol("B")).shape == (symbol("B"),)
    assert str(TensorType((symbol("B"),))) == "(B,)"
    assert product(()) == 1
