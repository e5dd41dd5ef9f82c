"""Equations to the expression graph of one step, for given sizes; every shape checked on the way.

Sizes may be numbers or symbols: check.py runs the same code with `hidden` and `input` as symbols, so that a cell is
checked once for all the layers that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from math import isfinite
from typing import TypeVar

from netspec.cells.functions import PUBLIC
from netspec.cells.ir.dag import Columns, Dag, Value
from netspec.cells.ir.names import Joined, Names, Operand, ReportedError
from netspec.cells.ir.operand_shapes import factors_of, fits_state, joinable, same_size, vector_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.cell import SIZES, Cell
from netspec.cells.language.expr import (
    Binary,
    Choice,
    Concatenation,
    Equation,
    Expr,
    FunctionCall,
    Name,
    Negative,
    Number,
)
from netspec.cells.language.sizes import side_of, size_of
from netspec.cells.language.spelling import function_hint, timed_hint
from netspec.shapes.dim import Dim, Size
from netspec.source.errors import NetspecError, Problem, Problems, Related

V = TypeVar("V")

MAX_TERMS = 200  # of one sum or product, over all equations that go into it: y2 = y1 * y1, y3 = y2 * y2, … doubles


def step_of(cell: Cell, sizes: Mapping[str, Size], params: Mapping[str, float] | None = None) -> CellStep:
    """The graph of one step.  `sizes` has what the cell names of `hidden` and `input`; `params` what a layer gives.

    Raises NS321 to NS328 and NS41x at the parts of the equations that are wrong, all of them.
    """
    values = {**cell.params, **(params or {})}
    lowering = CellLowering(cell, {**values, **sizes}, values)
    step = lowering.run()
    if step is None:
        raise NetspecError.of(lowering.problems)
    return step


class CellLowering:
    """One reading of a cell: problems are collected, a wrong equation does not hide what is wrong with the others."""

    def __init__(
        self,
        cell: Cell,
        sizes: Mapping[str, Size | float | None],
        params: Mapping[str, float | None],
        broken: Collection[str] = (),
    ) -> None:
        self.names = Names(cell, Dag(), sizes, params, broken=set(broken))
        self.problems = Problems()
        self.fitting: dict[str, Expr] = {}  # weight -> the first product that it fits

    def run(self) -> CellStep | None:
        """The step, or None with what is wrong in `problems`."""
        names, cell = self.names, self.names.cell
        self.shapes()
        for equation in cell.equations:
            self.equation(equation)
        for name in cell.states:
            if name not in names.next and not names.broken & {name, ""}:
                self.problems.append(self.never_given(name))
        output = (names.next if cell.output in cell.states else names.values).get(cell.output)
        if output is not None and output.size is None:
            self.problems.append(
                Problem("NS410", f"the output `{cell.output}` is one number, not a vector", cell.output_span)
            )
        if self.problems or output is None:
            return None
        after = {name: node for name in cell.states if (node := names.next.get(name)) is not None}
        sizes = {n: v for n, v in names.sizes.items() if n in SIZES and isinstance(v, (int, Dim))}
        # A weight that only the branch not taken names does not exist.
        weights = {name: shape for name, shape in names.weights.items() if name in names.used}
        params = {name: value for name, value in names.params.items() if value is not None}
        return CellStep(cell, names.dag, sizes, params, names.states, after, output, weights)

    def never_given(self, state: str) -> Problem:
        """A state without an equation; or with one that writes the time in the name, `h_t = …`."""
        cell = self.names.cell
        declared = cell.states[state].span
        for target in (e.target for e in cell.equations):
            if not target.time and timed_hint(target.name, [state]) == f"write `{state}[t]`":
                return Problem(
                    "NS323",
                    f"`{target.name}` is a name of its own, and state `{state}` of cell "
                    f"`{cell.name}` is never given a value",
                    target.part.span,
                    f"write `{state}[t] = …`",
                    (Related("state", state, declared),),
                )
        return Problem(
            "NS323",
            f"state `{state}` of cell `{cell.name}` is never given a value",
            declared,
            f"add an equation `{state}[t] = …`",
        )

    def shapes(self) -> None:
        names = self.names
        for name, declared in {**names.cell.states, **names.cell.weights}.items():
            try:
                shape = tuple(size_of(e, names.sizes) for e in declared.shape)
            except NetspecError as error:
                self.problems += error.problems
                names.broken.add(name)
                continue
            if name in names.cell.states:
                names.states[name] = shape[0]
            else:
                names.weights[name] = shape

    def equation(self, equation: Equation) -> None:
        target = equation.target
        value: Value | None = None
        try:
            value = self.vector(equation.value)
            if target.time and target.name in self.names.states:
                fits_state(self.names, target, value, equation)
        except NetspecError as error:
            self.problems += error.problems
        try:
            self.names.check_target(target)
        except NetspecError as error:
            self.problems += error.problems
            if target.name not in self.names.weights:
                self.names.broken.add(target.name)
            if any(problem.code == "NS325" for problem in error.problems):
                self.names.broken.add("")  # another name was meant: what reads it is not wrong as well
            return
        (self.names.next if target.time else self.names.values).setdefault(target.name, value)

    def vector(self, expr: Expr) -> Value:
        """An expression that is a vector or a number, element by element."""
        return vector_of(self.names, expr, self.value(expr))

    def value(self, expr: Expr) -> Operand:
        try:
            return self._value(expr)
        except OverflowError:  # also where numbers come together, `3e38 * a + 3e38 * a`
            raise NetspecError(
                "NS328",
                f"`{expr.part.shown}` has a number that 32 bits do not hold",
                expr.part.span,
                hint="a number is at most 3.4e38, also where several are one: `1e30 * 1e30`, `1 / 1e-39`",
            ) from None

    def _value(self, expr: Expr) -> Operand:
        match expr:
            case Number(value):
                return self.names.dag.constant(value)
            case Name():
                return self.names.value(expr)
            case FunctionCall():
                return self.call(expr)
            case Negative(operand):
                return self.names.dag.neg(self.vector(operand))
            case Concatenation(items):
                return Joined(tuple(self.each(lambda item: joinable(item, self.vector(item)), items)))
            case Choice(then, left, equal, right, other):
                same = side_of(left, self.names.sizes) == side_of(right, self.names.sizes)
                return self.value(then if same == equal else other)
            case Binary("@"):
                return self.product(expr)
            case Binary():
                return self.elementwise(expr)

    def each(self, read: Callable[[Expr], V], exprs: Iterable[Expr]) -> list[V]:
        """The values of several parts; of all that is wrong in them every problem."""
        values: list[V] = []
        problems: list[Problem] = []
        wrong = False
        for expr in exprs:
            try:
                values.append(read(expr))
            except NetspecError as error:
                problems += error.problems
                wrong = True
        if wrong:
            raise ReportedError(problems)
        return values

    def elementwise(self, expr: Binary) -> Value:
        dag = self.names.dag
        if expr.sign == "//":
            raise NetspecError("NS320", "`//` divides sizes; values are divided with `/`", expr.sign_place.span)
        a, b = self.each(self.vector, (expr.left, expr.right))
        same_size(expr, (expr.left, a), (expr.right, b), f"`{expr.sign}`")
        if expr.sign == "/" and b.number == 0:
            raise NetspecError("NS328", "a division by zero", expr.part.span)
        combine: dict[str, Callable[[Value, Value], Value]] = {"+": dag.add, "-": dag.sub, "*": dag.mul, "/": dag.div}
        node = combine[expr.sign](a, b)
        if len(node.args) > MAX_TERMS:
            raise NetspecError("NS329", f"written out, this has more than {MAX_TERMS} terms", expr.part.span)
        return self.finite(node, expr)

    def finite(self, node: Value, expr: Expr) -> Value:
        if node.number is not None and not isfinite(node.number):
            raise NetspecError("NS328", f"`{expr.part.shown}` is not a finite number", expr.part.span)
        return node

    def call(self, expr: FunctionCall) -> Value:
        name = expr.function
        if name not in PUBLIC:
            meant = self.names.called_hint(expr)
            problems = [
                Problem("NS322", f"unknown function `{name}`", expr.name_place.span, meant or function_hint(name))
            ]
            if not meant and len(expr.args) == 1 and not isinstance(expr.args[0], Name):
                try:
                    self.vector(expr.args[0])
                except NetspecError as error:
                    problems += error.problems
            raise ReportedError(problems)
        args = self.each(self.vector, expr.args)
        wanted = PUBLIC[name].arity
        if len(args) != wanted:
            hint = f"`{name}(a, {name}(b, c))` takes three" if wanted == 2 < len(args) else ""
            raise NetspecError(
                "NS322",
                f"`{name}` takes {wanted} value{'s' * (wanted > 1)}, received {len(args)}",
                expr.part.span,
                hint=hint,
            )
        vectors = [(e, n) for e, n in zip(expr.args, args, strict=True) if n.size is not None]
        for other in vectors[1:]:
            same_size(expr, vectors[0], other, f"`{name}`")
        try:
            return self.finite(self.names.dag.call(name, *args), expr)
        except (ValueError, OverflowError):
            raise NetspecError("NS328", f"`{expr.part.shown}` has no value", expr.part.span) from None

    def product(self, expr: Binary) -> Value:
        left, right = self.each(self.value, (expr.left, expr.right))
        matrix, parts = factors_of(self.names, expr, left, right, self.fitting)
        self.fitting.setdefault(matrix.name, expr)
        start: Size = 0
        terms = []
        for part, size in parts:
            terms.append(self.names.dag.product(Columns(matrix.name, start, start + size), part, matrix.rows))
            start = start + size
        return self.names.dag.add(*terms)
