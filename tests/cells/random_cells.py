"""Random cells from the grammar of equations, as the text that stands below a cell's name.

`drawn` takes every decision from a function that gives a number below n: hypothesis draws them in the tests here, a
seeded generator in tests/differential.  Every function of the table, every form of a state (recurrent, of the input
alone, a delay of another, a bare product, a constant), sizes beside `hidden`, weights and products that come again.
What runs away or has no gradient (exp of a state, a root of 0, a division by 0) is kept in bounds as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import inf
from typing import TypeVar

from hypothesis import assume
from hypothesis import strategies as st

from netspec.cells.functions import PUBLIC
from netspec.cells.functions.row import Function
from netspec.cells.ir.lower import step_of
from netspec.source.errors import NetspecError
from tests.cells.recurrences import cell_of

Below = Callable[[int], int]  # n -> a number below n; 0 is the simplest choice
T = TypeVar("T")


def _grows_slowly(row: Function) -> bool:
    """|f(x)| ≤ |x| + 1, at points far and near."""
    points = [s * x for x in (0.0, 0.3, 1.0, 2.0, 5.0, 20.0) for s in (1, -1)]
    return row.domain.least == -inf and all(abs(row.value(x)) <= abs(x) + 1 for x in points)


_UNARY = [row for row in PUBLIC.values() if row.arity == 1]
ANYWHERE = [row.name for row in _UNARY if _grows_slowly(row)]
BOUNDED = [
    f"{row.name}({inside})"
    for row in _UNARY
    if row.name not in ANYWHERE
    for inside in (("tanh({0})", "-abs({0})") if row.domain.least == -inf else
                   ("0.3 + {0} * {0}", "softplus({0})", "1 + abs({0})"))
]  # fmt: skip
SEVERAL = [(row.name, row.arity) for row in PUBLIC.values() if row.arity > 1]
SIZES = ("hidden", "hidden", "hidden", "input", "1", "2", "hidden + 1", "size", "2 * size")
CONDITIONS = ("hidden == input", "input != hidden", "hidden != 2 * input", "size == 2", "hidden + 1 == size")


class _Cell:
    """Collects the names that the equations ask for."""

    def __init__(self, below: Below) -> None:
        self.below = below
        self.weights: dict[str, str] = {}
        self.numbers: list[str] = []  # values that are one number
        self.known: dict[str, list[str]] = {}  # size -> values of that size
        self.written: dict[str, list[str]] = {}  # size -> expressions that stand somewhere
        self.products: dict[str, list[tuple[str, bool]]] = {}  # size -> products, and whether of the input alone
        self.free = {"x[t]"}  # values of the input alone
        self.only: set[str] | None = None  # what may be read now, where that is not everything

    def one(self, of: Sequence[T]) -> T:
        return of[self.below(len(of))]

    def weight(self, shape: str) -> str:
        alike = [n for n, s in self.weights.items() if s == shape]
        if alike and not self.below(3):
            return self.one(alike)
        name = f"w{len(self.weights)}"
        self.weights[name] = shape
        return name

    def leaves(self, size: str) -> list[str]:
        return [n for n in self.known.get(size, []) if self.only is None or n in self.only]

    def number(self) -> str:
        """One number: a constant, a parameter, a weight without axes, or a value of an equation."""
        pick = self.below(5)
        if pick == 4 and self.numbers and self.only is None:
            return self.one(self.numbers)
        return self.weight("[]") if pick == 3 else self.one(("0.5", "2", "1", "leak", "0.25"))

    def value(self, size: str, depth: int) -> str:
        """A vector of a size."""
        found = self._value(size, depth)
        if depth and self.only is None:
            self.written.setdefault(size, []).append(found)
        return found

    def _value(self, size: str, depth: int) -> str:
        below, leaves = self.below, self.leaves(size)
        pick = below(16) if depth else below(3)
        if pick <= 1 and leaves:
            return self.one(leaves)
        if pick <= 2:
            return f"({self.product(size, depth)})"

        def inner() -> str:
            return self.value(size, depth - 1)

        match pick:
            case 3 | 4:
                return f"{self.one(ANYWHERE)}({inner()})"
            case 5:
                return self.one(BOUNDED).format(inner())
            case 6 | 7:
                other = self.number() if not below(4) else inner()
                pair = (inner(), other) if below(2) else (other, inner())
                name, arity = self.one(SEVERAL)
                more = [self.number() for _ in range(arity - 2)]
                return f"{name}({', '.join((*pair, *more))})"
            case 8:
                return f"{self.weight(f'[{size}]')} * {inner()}"
            case 9:
                return self.weight(f"[{size}]")
            case 10:
                return f"({self.number()} {self.one('+-*')} {inner()})"
            case 11:
                return f"({inner()} / ({self.one(('1 + abs', '0.5 + softplus', '2 - tanh'))}({inner()})))"
            case 12:
                return f"({inner()} if {self.one(CONDITIONS)} else {inner()})"
            case 13:
                return f"(-{inner()})"
            case 14 if self.written.get(size) and self.only is None:
                return self.one(self.written[size])
        return f"({inner()} {self.one('+-*')} {inner()})"

    def product(self, size: str, depth: int = 0) -> str:
        """A weight times a value, or several behind each other; or a product that stands somewhere already."""
        again = [p for p, free in self.products.get(size, []) if free or self.only is None]
        if again and not self.below(3):
            return self.one(again)
        sizes = [s for s in self.known if self.leaves(s)] or [self.one(SIZES)]
        parts = [self.one(sizes) for _ in range(self.one((1, 1, 2, 3)))]
        values = [self.value(s, depth - 1) if depth and not self.below(3)
                  else self.one(self.leaves(s) or [self.weight(f"[{s}]")]) for s in parts]  # fmt: skip
        shape = f"[{size}, {' + '.join(parts)}]"
        found = f"{self.weight(shape)} @ {values[0] if len(values) == 1 else '[' + ', '.join(values) + ']'}"
        self.products.setdefault(size, []).append((found, self.only is not None or set(values) <= self.free))
        return found

    def state(self, name: str, size: str, others: Sequence[str]) -> str:
        """The new value of a state."""
        own = f"{name}[t-1]"
        pick = self.below(12)
        if pick in (6, 7, 8):  # of the input alone, of states that are so, or of nothing
            self.only = self.free
            forms = (self.value(size, 2), self.product(size), *self.leaves(size))
            form = self.one(forms)
            self.only = None
            self.free |= {own, f"{name}[t]"}
            return form
        if pick == 9 and others:
            return self.one(others)
        if pick == 10:
            return self.weight(f"[{size}]") if self.below(2) else f"tanh({self.number()} * {self.weight(f'[{size}]')})"
        if pick == 11:
            operands = [own, *(f"tanh({v})" for v in self.leaves(size))]
            return f"{self.weight(f'[{size}, {size}]')} @ {self.one(operands)}"
        if pick in (4, 5):  # linear in itself
            gate = f"sigmoid({self.value(size, 2)})"
            leaves = [v for v in self.leaves(size) if not v.startswith("v")]  # a power of itself would run away
            candidate = self.one([*leaves, f"tanh({self.value(size, 1)})"])
            return f"{gate} * {own} + (1 - {gate}) * {candidate}"
        # Bounded, so that nothing runs away over the steps.
        return f"tanh({self.value(size, 2)}) * 0.9 + 0.05 * {own}"


def drawn(below: Below) -> str:
    """A cell with one to three states, some values between, and an output.  It may be none: see `valid`."""
    cell = _Cell(below)
    states = {name: cell.one(SIZES) for name in ("h", "c", "d")[: 1 + below(3)]}
    if below(4):
        cell.known["input"] = ["x[t]"]
    for name, size in states.items():
        cell.known.setdefault(size, []).append(f"{name}[t-1]")
    equations: list[str] = []

    def between(k: int) -> None:
        if not below(5):
            form = cell.one(("sqrt(1 + 2 * exp({0}))", "sigmoid({0})", "max({0}, 0.5) * 0.5", "tanh({0}) + leak"))
            equations.append(f"k{k} = {form.format(cell.weight('[]'))}")
            cell.numbers.append(f"k{k}")
            return
        size = cell.one([*states.values(), cell.one(SIZES)])
        equations.append(f"v{k} = {cell.value(size, 2)}")
        cell.known.setdefault(size, []).append(f"v{k}")

    for k in range(below(3)):
        between(k)
    for k, (name, size) in enumerate(states.items()):
        others = [v for v in cell.known[size] if not v.startswith(("v", name))]
        equations.append(f"{name}[t] = {cell.state(name, size, others)}")
        cell.known.setdefault(size, []).append(f"{name}[t]")
        if not below(4):
            between(3 + k)
    output = cell.one([*states, *(["y"] * 4)])
    if output == "y":
        size = cell.one([*states.values(), cell.one(SIZES)])
        form = cell.one(("value", "value", "product", "weight"))
        value = (
            cell.value(size, 2)
            if form == "value"
            else cell.product(size, 1)
            if form == "product"
            else f"tanh({cell.weight(f'[{size}]')})"
        )
        equations.append(f"y = {value}")
    return _text(cell, states, equations, output)


def _text(cell: _Cell, states: dict[str, str], equations: list[str], output: str) -> str:
    while unread := [e for e in equations if _unread(e, equations, output)]:
        equations = [e for e in equations if e not in unread]
    used = {n: shape for n, shape in cell.weights.items() if any(_has(e, n) for e in equations)}
    shapes = " ".join([*states.values(), *used.values()])
    text = " ".join([*equations, shapes])
    params = {n: v for n, v in (("size", "2"), ("leak", "0.6")) if _has(text, n)}
    lines = [f"params: {{{', '.join(f'{n}: {v}' for n, v in params.items())}}}"] * bool(params)
    lines += [f"state: {{{', '.join(f'{s}: {size}' for s, size in states.items())}}}", f"output: {output}"]
    if used:
        lines += ["weights:", *(f"  {n}: {shape}" for n, shape in used.items())]
    return "\n".join([*lines, "equations:", *(f"  - {e}" for e in equations)]) + "\n"


def valid(text: str) -> bool:
    """Whether a drawn cell is one: no value that is a vector cancels to a number, nothing is left unread."""
    try:
        for sizes in ({"hidden": 3, "input": 2}, {"hidden": 3, "input": 3}):
            step_of(cell_of(text), sizes)
    except (NetspecError, AssertionError):
        return False
    return True


@st.composite
def cells(draw: st.DrawFn) -> str:
    """For hypothesis."""
    text = drawn(lambda n: draw(st.integers(0, n - 1)))
    assume(valid(text))
    return text


def _unread(equation: str, equations: list[str], output: str) -> bool:
    name = equation.split(" =")[0]
    return "[t]" not in name and name != output and not any(_has(e.split(" =", 1)[1], name) for e in equations)


def _has(equation: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", equation) is not None
