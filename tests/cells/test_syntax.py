"""Equation texts: what they mean, and where what is wrong with them stands (the messages: tests/frontend/golden)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.cells.language.expr import Binary, Name, unparse, walk
from netspec.cells.language.syntax import MAX_DEPTH, MAX_LENGTH, MAX_SIGNS, parse_equation, parse_size
from netspec.source.errors import NetspecError
from netspec.source.text import Source
from netspec.source.tree import Map, Scalar, parse


def scalar(text: str) -> Scalar:
    tree = parse(Source("cell.yaml", "text: '" + text.replace("'", "''") + "'"))
    assert isinstance(tree, Map)
    found = tree.entries["text"]
    assert isinstance(found, Scalar)
    return found


def value(text: str) -> str:
    return unparse(parse_equation(scalar(f"y = {text}")).value)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a + b - c + d", "(((a + b) - c) + d)"),
        ("a / b * c", "((a / b) * c)"),
        ("a - b * c", "(a - (b * c))"),
        ("W @ x[t] + b", "((W @ x[t]) + b)"),
        ("r * W @ h[t-1]", "(r * (W @ h[t-1]))"),
        ("W @ h[t-1] * r", "((W @ h[t-1]) * r)"),
        ("V @ U @ x[t]", "(V @ (U @ x[t]))"),
        ("-W @ x[t]", "(-(W @ x[t]))"),
        ("a * -b", "(a * (-b))"),
        ("--a", "(-(-a))"),
        ("(1 - z) * h[ t - 1 ]", "((1 - z) * h[t-1])"),
        ("tanh(W @ [a, b])", "tanh((W @ [a, b]))"),
        ("a if input == hidden else b + c", "(a if input == hidden else (b + c))"),
        (
            "a if input != 2 * hidden else b if input == 3 else c",
            "(a if input != (2 * hidden) else (b if input == 3 else c))",
        ),
        ("max(a, 1.50e-3)", "max(a, 0.0015)"),
        (".5 * 2.", "(0.5 * 2)"),
        ("0.1234567890123", "0.1234567890123"),
    ],
)
def test_meaning(text: str, meaning: str) -> None:
    assert value(text) == meaning
    assert value(meaning) == meaning


def test_target_and_places() -> None:
    equation = parse_equation(scalar("c[t] = f * (c[t-1] + 1)"))
    assert (equation.target.name, equation.target.time) == ("c", "t")
    assert isinstance(equation.value, Binary)
    assert equation.value.right.part.shown == "(c[t-1] + 1)"
    previous = next(e for e in walk(equation.value) if isinstance(e, Name) and e.time == "t-1")
    assert (previous.part.span.column, previous.part.span.end_column) == (20, 26)  # behind `text: '`


@pytest.mark.parametrize("style", ["", "'", '"', "|", ">"])
def test_places_over_several_lines(style: str) -> None:
    """The place of a part is where it stands, however YAML writes the text."""
    begin = f"{style}\n    " if style in ("|", ">") else style
    end = "" if style in ("|", ">") else style
    text = f"text: {begin}f = a\n    +  bcd\n\n    * e{end}\nnext: 1\n"
    tree = parse(Source("cell.yaml", text))
    assert isinstance(tree, Map) and isinstance(tree.entries["text"], Scalar)
    equation = parse_equation(tree.entries["text"])
    lines = text.split("\n")
    for name in (e for e in walk(equation.value) if isinstance(e, Name)):
        span = name.part.span
        assert lines[span.line - 1][span.column - 1 : span.end_column - 1] == name.name


def test_sizes() -> None:
    assert unparse(parse_size(scalar("2 * hidden + input // 3"))) == "((2 * hidden) + (input // 3))"


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("h[t] = ", 6),
        ("h[t] = f +", 10),
        ("h[t] = f g", 10),
        ("h[t] = f ** 2", 11),
        ("h[t] = f ^ 2", 10),
        ("h[t] = h[t-2]", 9),
        ("h[t-1] = f", 1),
        ("h[t] == f", 6),
        ("h[t] = f if a else b", 15),
        ("h[t] = W.T @ f", 9),
        ("h[t] = tanh(f))", 15),
        ("h[t] = σ(f)", 8),
        ("h[t] = f × g", 10),
        ("[a, b] = f", 1),
        ("h[t] = ٣", 8),
        ("h[t] = c + hₜ₋₁ * f", 12),
        ("h̃ₜ = f", 1),
        ("h[t] = W @ [f; g]", 14),
        ("h[t] = W @ (f, g)", 14),
    ],
)
def test_place_of_what_is_wrong(text: str, column: int) -> None:
    with pytest.raises(NetspecError) as error:
        parse_equation(scalar(text))
    [problem] = error.value.problems
    assert problem.code == "NS320"
    assert problem.span is not None and problem.span.column - len("text: '") == column


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("y = cₜ", "write `c[t]`"),
        ("y = cₜ₋₁", "write `c[t-1]`"),
        ("y = c̃ₜ", "write `c_new`, a name like any other"),
        ("y = W.T @ c", "nothing is transposed: declare the weight the other way round, [rows, columns]"),
        ("y = c²", "there are no powers: multiply, `a * a`"),
        ("y = W @ (a, b)", "a concatenation is written `[a, b]`"),
        ("y = (a + b", "the `(` of column 12 is open here"),
    ],
)
def test_what_is_meant(text: str, hint: str) -> None:
    with pytest.raises(NetspecError) as error:
        parse_equation(scalar(text))
    assert [p.hint for p in error.value.problems] == [hint]


@pytest.mark.parametrize(
    "text",
    [
        "y = " + "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH,
        "y = " + "-" * MAX_DEPTH + "a",
        "y = " + "tanh(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH,
        "y = " + " @ ".join(["a"] * (MAX_DEPTH + 3)),
        "y = " + " + ".join(["a"] * (MAX_SIGNS + 1)),
        "y = a if 1 == 1 else " * (MAX_DEPTH + 1) + "a",
        "y = " + "a" * MAX_LENGTH,
        "(" * 10**5,
    ],
)
def test_limits(text: str) -> None:
    with pytest.raises(NetspecError) as error:
        parse_equation(scalar(text))
    assert error.value.problems[0].code == "NS320"


names = st.sampled_from(["a", "W", "f_1", "h[t]", "h[t-1]", "x[t]", "input"])
leaves = names | st.integers(0, 99).map(str) | st.floats(0, 1e6, allow_nan=False).map(repr)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(st.sampled_from(["tanh", "sigmoid"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"W @ [{p[0]}, {p[1]}]"),
        st.tuples(inner, names, inner).map(lambda p: f"({p[0]} if {p[1]} == hidden else {p[2]})"),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(expressions)
def test_one_spelling(text: str) -> None:
    """What `unparse` writes is read as the same expression."""
    once = value(text)
    assert value(once) == once


@settings(max_examples=200, deadline=None, derandomize=True)
@given(expressions.filter(lambda t: not any(s in t for s in ("@", " if ", "["))))
def test_arithmetic_is_python_s(text: str) -> None:
    """Without `@` the signs bind as in Python."""
    known = {"a": 1.25, "W": 0.5, "f_1": -2.0, "input": 3.0, "tanh": lambda v: v * 0.5, "sigmoid": lambda v: v + 1}
    try:
        expected = eval(text, {"__builtins__": {}}, known)
    except (ZeroDivisionError, OverflowError):
        return
    assert eval(value(text), {"__builtins__": {}}, known) == expected
