"""The shapes of what an equation puts together: which operands fit each other, and what is meant where they do not."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.cells.ir.dag import Value
from netspec.cells.ir.names import Joined, Matrix, Names, Operand
from netspec.cells.language.expr import Binary, Concatenation, Equation, Expr, Name
from netspec.shapes.dim import Size
from netspec.source.errors import NetspecError, Related


def vector_of(names: Names, expr: Expr, operand: Operand) -> Value:
    """An operand that is a vector or a number, element by element.  Raises NS410."""
    if isinstance(operand, Matrix):
        raise NetspecError(
            "NS410",
            f"`{operand.name}` is a matrix [{operand.rows}, {operand.columns}] and stands left of `@` only",
            expr.part.span,
            hint=f"a product is written `{operand.name} @ x[t]`",
            related=names.declared(operand.name),
        )
    if isinstance(operand, Joined):
        raise NetspecError("NS410", "a concatenation stands right of `@` only", expr.part.span, hint="`W @ [a, b]`")
    return operand


def joinable(item: Expr, value: Value) -> Value:
    """A part of a concatenation.  Raises NS410 for one number."""
    if value.size is None:
        raise NetspecError("NS410", f"`{item.part.shown}` is one number, not a vector to be joined", item.part.span)
    return value


def same_size(expr: Expr, a: tuple[Expr, Value], b: tuple[Expr, Value], what: str) -> None:
    """Unification of two element-wise operands: equal sizes, or one of them a number."""
    (_, x), (_, y) = a, b
    if x.size is None or y.size is None or x.size == y.size:
        return
    related = tuple(Related(e.part.shown, f"[{n.size}]", e.part.span) for e, n in (a, b))
    hint = ""
    weights = [
        (e.name, other.size) for e, n, other in ((a[0], x, y), (b[0], y, x)) if isinstance(e, Name) and n.op == "weight"
    ]
    if len(weights) == 1:
        hint = f"declare `{weights[0][0]}: [{weights[0][1]}]`"
    elif {str(x.size), str(y.size)} == {"hidden", "input"}:
        hint = "they agree only where the input has the hidden size: multiply one by a weight [hidden, input]"
    raise NetspecError(
        "NS410",
        f"{what} takes vectors of one size, received {x.size} and {y.size} elements",
        expr.part.span,
        related=related,
        hint=hint,
    )


def fits_state(names: Names, target: Name, value: Value, equation: Equation) -> None:
    """The new value of a state has the state's size.  Raises NS410."""
    wanted = names.states[target.name]
    if value.size is None:
        raise NetspecError(
            "NS410",
            f"state `{target.name}` has {wanted} elements, received one number",
            equation.value.part.span,
            hint="it would be the same at every step",
        )
    if value.size != wanted:
        declared = names.cell.states[target.name]
        raise NetspecError(
            "NS410",
            f"state `{target.name}` has {wanted} elements, received a vector of {value.size}",
            equation.value.part.span,
            related=(Related(target.name, f"[{wanted}]", declared.span),),
        )


def factors_of(
    names: Names, expr: Binary, left: Operand, right: Operand, fitting: Mapping[str, Expr]
) -> tuple[Matrix, list[tuple[Value, Size]]]:
    """The matrix of a product, and the vectors that it multiplies with the size of each.

    `fitting` has for each weight the first product that it fits.  Raises NS327, NS410 and NS412.
    """
    if not isinstance(left, Matrix):
        raise _not_a_matrix(names, expr, left, right)
    if isinstance(right, Matrix):
        raise NetspecError(
            "NS327",
            f"`@` takes a vector on its right, `{right.name}` is a matrix",
            expr.right.part.span,
            related=names.declared(right.name),
            hint=f"`{left.name} @ {right.name} @ x[t]` multiplies by both",
        )
    parts = right.parts if isinstance(right, Joined) else (right,)
    sizes = [p.size for p in parts if p.size is not None]
    if len(sizes) < len(parts):
        raise NetspecError(
            "NS410",
            f"`@` takes a vector on its right, `{expr.right.part.shown}` is one number",
            expr.right.part.span,
            hint="multiply with `*`",
        )
    total = sum(sizes[1:], sizes[0])
    if total != left.columns:
        raise _misfit(names, expr, left, sizes, total, fitting.get(left.name))
    return left, list(zip(parts, sizes, strict=True))


def _not_a_matrix(names: Names, expr: Binary, left: Operand, right: Operand) -> NetspecError:
    """What stands left of `@` and is no weight matrix."""
    related: tuple[Related, ...] = ()
    hint = "multiply element by element with `*`"
    received = f"received `{expr.left.part.shown}`"
    if isinstance(left, Value) and left.op == "weight":
        received = f"`{left.attr}` is {'one number' if left.size is None else f'[{left.size}]'}"
        related = names.declared(left.attr)
    elif isinstance(right, Matrix):
        hint = f"the weight comes first: `{right.name} @ {expr.left.part.shown}`"
    return NetspecError(
        "NS327",
        f"a cell is affine in its products: `@` takes a weight matrix on its left, {received}",
        expr.left.part.span,
        related=related,
        hint=hint,
    )


def _misfit(
    names: Names, expr: Binary, matrix: Matrix, sizes: list[Size], total: Size, first: Expr | None
) -> NetspecError:
    """A matrix and a vector that do not fit, with the way out that is most likely meant."""
    items = expr.right.items if isinstance(expr.right, Concatenation) else (expr.right,)
    related = names.declared(matrix.name)
    related += tuple(Related(i.part.shown, f"[{s}]", i.part.span) for i, s in zip(items, sizes, strict=True))
    hint = f"declare `{matrix.name}: [{matrix.rows}, {total}]`"
    if first is not None:
        related += (Related(first.part.shown, "fits", first.part.span),)
        hint = f"another weight is meant here, or one of its own: `[{matrix.rows}, {total}]`"
    elif matrix.rows == total:
        hint = f"shapes are [rows, columns]: declare `{matrix.name}: [{matrix.columns}, {total}]`"
    return NetspecError(
        "NS412",
        f"`{matrix.name}` has {matrix.columns} columns, the vector has {total} elements",
        expr.part.span,
        related=related,
        hint=hint,
    )
