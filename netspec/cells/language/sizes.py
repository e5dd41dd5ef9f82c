"""Sizes in a cell: whole numbers, `hidden`, `input` and parameters, with + - * //."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.cells.language.cell import SIZES, Cell
from netspec.cells.language.expr import Binary, Choice, Expr, Name, Number, walk
from netspec.cells.language.spelling import near_name
from netspec.shapes.dim import Dim, Size
from netspec.source.errors import NetspecError

MAX_SIZE = 2**31
MAX_TERMS = 64  # of a symbolic size: products of sums grow without end


def size_names(cell: Cell) -> set[str]:
    """Which of `hidden`, `input` and the parameters the cell's shapes and conditions name."""
    exprs = [e for d in (*cell.states.values(), *cell.weights.values()) for e in d.shape]
    exprs += [side for choice in choices(cell) for side in (choice.left, choice.right)]
    return {part.name for e in exprs for part in walk(e) if isinstance(part, Name)}


def choices(cell: Cell) -> list[Choice]:
    """Every `a if c else b` of the cell's equations."""
    return [part for e in cell.equations for part in walk(e.value) if isinstance(part, Choice)]


def size_of(expr: Expr, values: Mapping[str, Size | float | None]) -> Size:
    """The value of a size, for what its names stand for.

    Raises NS321 for an unknown name, NS411 for what is no size (a fraction, less than 1, 2³¹ and more).
    """
    value = side_of(expr, values)
    if isinstance(value, int) and not 0 < value < MAX_SIZE:
        shown = "" if isinstance(expr, Number) else f", received {value}"
        raise NetspecError("NS411", f"a size is at least 1 and below 2³¹: `{expr.part.shown}`{shown}", expr.part.span)
    return value


def side_of(expr: Expr, values: Mapping[str, Size | float | None]) -> Size:
    """As `size_of`, of any whole number: a part of a size, a side of a condition."""
    match expr:
        case Number(value, part):
            if value != int(value):
                raise NetspecError("NS411", f"a size is a whole number, received `{part.shown}`", part.span)
            return int(value)
        case Name(_, ""):
            return _named(expr, values)
        case Binary(sign, left, right) if sign in ("+", "-", "*", "//"):
            a, b = side_of(left, values), side_of(right, values)
            if sign == "//" and (not isinstance(b, int) or b < 1):
                raise NetspecError(
                    "NS411",
                    f"a size is divided by a whole number of at least 1, received `{right.part.shown}`",
                    right.part.span,
                )
            result = a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a // b  # type: ignore[operator]  # both are numbers or sizes
            if isinstance(result, Dim) and len(result.terms) > MAX_TERMS:
                raise NetspecError("NS411", f"a size of more than {MAX_TERMS} terms", expr.part.span)
            return result
    raise NetspecError(
        "NS411",
        f"`{expr.part.shown}` is not a size",
        expr.part.span,
        hint="whole numbers, `hidden`, `input` and parameters, with + - * //",
    )


def _named(expr: Name, values: Mapping[str, Size | float | None]) -> Size:
    name, span = expr.name, expr.part.span
    if name not in values:
        known = list(dict.fromkeys((*SIZES, *values)))
        raise NetspecError(
            "NS321", f"`{name}` is not a size", span, hint=near_name(name, known, f"sizes: {', '.join(known)}")
        )
    value = values[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or isinstance(value, float):
        raise NetspecError(
            "NS411",
            f"parameter `{name}` is a size here and takes a whole number, received "
            f"{'nothing' if value is None else f'{value:g}'}",
            span,
            hint=f"for example `params: {{{name}: {max(1, int(value or 1))}}}`",
        )
    return value
