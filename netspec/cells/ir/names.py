"""Names in equations: what one stands for, and what is wrong with one that stands for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from netspec.cells.functions import PUBLIC
from netspec.cells.ir.dag import Dag, Value
from netspec.cells.language.cell import SIZES, Cell
from netspec.cells.language.expr import FunctionCall, Name
from netspec.cells.language.spelling import near_name, timed_hint
from netspec.shapes.dim import Size
from netspec.source.errors import NetspecError, Problem, Related, meant


@dataclass(frozen=True)
class Matrix:
    """A weight of two axes: it stands left of `@` only."""

    name: str
    rows: Size
    columns: Size


@dataclass(frozen=True)
class Joined:
    """[a, b]: it stands right of `@` only."""

    parts: tuple[Value, ...]


Operand: TypeAlias = Value | Matrix | Joined


class ReportedError(NetspecError):
    """What is wrong with some parts of an expression; nothing, when all of it is reported already."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        super().__init__("NS320", "")
        self.problems = tuple(problems)


@dataclass
class Names:
    """What has a name so far, at one equation of a cell.

    `sizes` is what names stand for in shapes and conditions, `params` in values; None there is an unknown number.
    """

    cell: Cell
    dag: Dag
    sizes: Mapping[str, Size | float | None]
    params: Mapping[str, float | None]
    states: dict[str, Size] = field(default_factory=dict)
    weights: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    next: dict[str, Value | None] = field(default_factory=dict)  # None: its equation is wrong, and reported
    values: dict[str, Value | None] = field(default_factory=dict)  # of equations without [t]; likewise
    used: set[str] = field(default_factory=set)  # weights and values that something reads
    broken: set[str] = field(default_factory=set)  # names that are wrong where they are declared, and reported;
    # the empty name stands for an equation of which not even the name could be read

    def value(self, expr: Name) -> Operand:
        """A name on the right of an equation.  Raises NS321 and NS324."""
        name = expr.name
        # A state whose equation is wrong is still known before the step.
        if name in self.broken and (name not in self.states or expr.time == "t"):
            raise ReportedError()
        if name == "x":
            return self._input(expr)
        if name in self.cell.states:
            return self._state(expr)
        if expr.time:
            self._refuse_time(expr)
        if name in self.weights:
            self.used.add(name)
            shape = self.weights[name]
            if len(shape) == 2:
                return Matrix(name, *shape)
            return self.dag.leaf("weight", name, shape[0] if shape else None)
        if name in self.values:
            self.used.add(name)
            return _known(self.values[name])
        if name in self.params:
            number = self.params[name]
            return self.dag.leaf("param", name, None) if number is None else self.dag.constant(number)
        self._refuse(expr)

    def _input(self, expr: Name) -> Value:
        if expr.time == "t":
            size = self.sizes["input"]
            assert not isinstance(size, float) and size is not None  # whoever lowers a cell gives it
            return self.dag.leaf("input", None, size)
        hint = "keep it in a state: `state: {last: input}`, `last[t] = x[t]`, then read `last[t-1]`"
        raise NetspecError(
            "NS324",
            f"the input is read as `x[t]`, received `{expr.part.shown}`",
            expr.part.span,
            hint=hint if expr.time else "write `x[t]`",
        )

    def _state(self, expr: Name) -> Value:
        name, span = expr.name, expr.part.span
        if expr.time == "t-1":
            return self.dag.leaf("previous", name, self.states[name])
        if not expr.time:
            raise NetspecError(
                "NS324",
                f"`{name}` is a state: which value is meant?",
                span,
                hint=f"`{name}[t-1]` before the step, `{name}[t]` after it",
            )
        if name not in self.next:
            raise NetspecError(
                "NS324",
                f"`{name}[t]` is read before its equation",
                span,
                related=self._equation_of(name, f"{name}[t] = …"),
                hint=f"move the equation up, or read `{name}[t-1]`",
            )
        return _known(self.next[name])

    def _refuse_time(self, expr: Name) -> None:
        """Only states and the input have a time."""
        name, time = expr.name, expr.time
        computed = any(e.target.name == name for e in self.cell.equations)
        if computed and time == "t-1":
            hint = f"declare `{name}` in `state`, and write `{name}[t] = …`"
            raise NetspecError(
                "NS324",
                f"`{name}` is not a state: nothing of it is left from the step before",
                expr.part.span,
                hint=hint,
            )
        if computed or name in self.weights or name in self.params:
            role = "no state" if computed else "a weight" if name in self.weights else "a parameter"
            raise NetspecError("NS324", f"`{name}` is {role}: it has no time", expr.part.span, hint=f"write `{name}`")

    def _refuse(self, expr: Name) -> NoReturn:
        name, span = expr.name, expr.part.span
        if later := self._equation_of(name, f"{name} = …"):
            raise NetspecError(
                "NS324", f"`{name}` is read before its equation", span, related=later, hint="move the equation up"
            )
        if name in SIZES:
            raise NetspecError(
                "NS321", f"`{name}` is a size, not a value", span, hint="sizes stand in shapes and conditions"
            )
        if name in PUBLIC:
            raise NetspecError("NS321", f"`{name}` is a function", span, hint=f"write `{name}(…)`")
        if "" in self.broken:
            raise ReportedError()
        known = [*self.cell.weights, *self.cell.states, *self.values, *self.params, "x"]
        longer = f"{name}_t"  # `f_t = …` is a name like any other
        same = meant(name, longer) if longer in (*self.values, *self.broken) else ""
        hint = (
            same
            or timed_hint(name, self.cell.states, str(expr.part.text.value)[expr.part.end :])
            or near_name(name, known, f"declare it in `weights`; known: {', '.join(known)}")
        )
        raise NetspecError("NS321", f"unknown name `{name}`", span, hint=hint)

    def _equation_of(self, name: str, shown: str) -> tuple[Related, ...]:
        span = next((e.target.part.span for e in self.cell.equations if e.target.name == name), None)
        return (Related("given a value", shown, span),) if span else ()

    def declared(self, name: str) -> tuple[Related, ...]:
        """Where a weight is declared, and as what."""
        shape = ", ".join(map(str, self.weights[name]))
        return (Related(name, f"[{shape}]", self.cell.weights[name].span),)

    def check_target(self, target: Name) -> None:
        """A name on the left of an equation.  Raises NS321 and NS325."""
        name, span = target.name, target.part.span
        if name in self.broken:
            raise ReportedError()
        kind = (
            "the input"
            if name == "x"
            else "a weight"
            if name in self.weights
            else "a function"
            if name in PUBLIC
            else "a parameter"
            if name in self.params
            else "a size"
            if name in SIZES
            else ""
        )
        if kind:
            raise NetspecError(
                "NS325", f"`{name}` is {kind} and cannot be given a value", span, hint="choose another name"
            )
        if target.time and name not in self.cell.states:
            near = near_name(name, self.cell.states, "")
            hint = near or f"declare it in `state`, or write `{name} = …`"
            raise NetspecError("NS321", f"`{name}[t]` is given a value, and `{name}` is not a state", span, hint=hint)
        if not target.time and name in self.cell.states:
            raise NetspecError(
                "NS321", f"`{name}` is a state: its new value is `{name}[t]`", span, hint=f"write `{name}[t] = …`"
            )
        first = next(e for e in self.cell.equations if e.target.name == name)
        if first.target is not target:
            raise NetspecError(
                "NS325",
                f"`{target.part.shown}` is given a value twice",
                span,
                related=(Related("first", first.target.part.shown, first.target.part.span),),
                hint="one equation a name",
            )

    def called_hint(self, call: FunctionCall) -> str:
        """`h(t-1)`, `W(x[t])`: brackets that are meant otherwise."""
        name = call.function
        inside = ", ".join(a.part.shown for a in call.args)
        time = inside.replace(" ", "")
        if (name == "x" or name in self.cell.states) and time in ("t", "t-1"):
            return f"write `{name}[{time}]`"
        if name in self.weights:
            sign = "@" if len(self.weights[name]) == 2 else "*"
            return f"write `{name} {sign} {inside if len(call.args) == 1 else f'[{inside}]'}`"
        if name in self.values or name in self.params:
            return f"write `{name} * ({inside})`"
        return ""


def _known(node: Value | None) -> Value:
    if node is None:
        raise ReportedError()
    return node
