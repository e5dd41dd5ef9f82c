"""The expression graph of one step: interned nodes, simplified as they are made.

Two expressions that are written differently but are the same after the laws below are one node, so that what is equal
is computed once and `is` compares:

    sums and products are flat, without order, numbers folded:  a + (b + 0) = b + a,  1·a·2 = 2·a
    a + a = 2·a,  −(a + b) = −a − b,  −(−a) = a,  a − b = a + (−b),  1 − (1 − a) = a,  (−a)·b = −(a·b)
    W @ [a, b] = W[:, :n] @ a + W[:, n:] @ b
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.cells.functions import FUNCTIONS
from netspec.shapes.dim import Size

MAX_NUMBER = 3.4028234e38  # the largest 32-bit float


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns `start` to `stop` of a weight matrix: what stands left of one product."""

    weight: str
    start: Size
    stop: Size


@dataclass(eq=False, slots=True)
class Value:
    """One value of the step: a vector of `size` elements, or a number for every element when `size` is None.

    `op` is "input" (x[t]), "previous" (`attr` names the state), "weight" (`attr` names it; a vector, or a number when
    `size` is None), "number" (`attr` is it), "product" (`attr` is a Slice, the operand is its argument), "add", "mul",
    "neg", "div", or a row of FUNCTIONS.  The backward pass adds "adjoint" leaves.
    """

    op: str
    args: tuple[Value, ...]
    attr: Any
    size: Size | None
    index: int

    def __repr__(self) -> str:
        inside = ", ".join(map(repr, self.args))
        name = f"{self.op}:{self.attr}" if self.attr is not None else self.op
        return f"{name}({inside})" if self.args else name

    @property
    def number(self) -> float | None:
        return float(self.attr) if self.op == "number" else None


@dataclass
class Dag:
    """Makes nodes; the same request gives the same node."""

    nodes: list[Value] = field(default_factory=list)
    _known: dict[tuple[Any, ...], Value] = field(default_factory=dict)

    def make(self, op: str, args: Sequence[Value] = (), attr: Any = None, size: Size | None = None) -> Value:
        """The node as it is asked for, without simplification."""
        key = (op, tuple(a.index for a in args), attr, size)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = Value(op, tuple(args), attr, size, len(self.nodes))
            self.nodes.append(node)
        return node

    def constant(self, value: float) -> Value:
        """A number.  Raises OverflowError for one that 32 bits do not hold, also where numbers come together."""
        if not abs(value) <= MAX_NUMBER:
            raise OverflowError(f"{value:g} is no number that 32 bits hold")
        return self.make("number", attr=float(value) + 0.0)  # + 0.0: −0 is 0

    def leaf(self, op: str, name: Any, size: Size | None) -> Value:
        return self.make(op, (), name, size)

    def product(self, matrix: Columns, operand: Value, size: Size) -> Value:
        """W[:, start:stop] @ operand."""
        return self.make("product", (operand,), matrix, size)

    def add(self, *terms: Value) -> Value:
        factors: dict[Value, float] = {}
        total = 0.0
        for term in (t for given in terms for t in (given.args if given.op == "add" else (given,))):
            if term.number is not None:
                total += term.number
            else:
                factor, value = self._taken_apart(term)
                factors[value] = factors.get(value, 0.0) + factor
        flat = [self.mul(self.constant(factor), value) for value, factor in factors.items() if factor]
        if total:
            flat.append(self.constant(total))
        if len(flat) < 2:
            return flat[0] if flat else self.constant(0)
        return self.make("add", _ordered(flat), None, _widest(flat))

    def _taken_apart(self, term: Value) -> tuple[float, Value]:
        """A term as a number times something."""
        if term.op == "neg":
            return -1.0, term.args[0]
        number = next((a.number for a in term.args if a.number is not None), None) if term.op == "mul" else None
        if number is None:
            return 1.0, term
        return number, self.mul(*(a for a in term.args if a.number is None))

    def neg(self, x: Value) -> Value:
        if x.number is not None:
            return self.constant(-x.number)
        if x.op == "neg":
            return x.args[0]
        if x.op == "add":
            return self.add(*(self.neg(a) for a in x.args))
        if x.op == "mul" and any(a.number is not None for a in x.args):
            return self.mul(*x.args, self.constant(-1))
        return self.make("neg", (x,), None, x.size)

    def sub(self, a: Value, b: Value) -> Value:
        return self.add(a, self.neg(b))

    def mul(self, *factors: Value) -> Value:
        flat: list[Value] = []
        total = 1.0
        for given in factors:
            minus = given.op == "neg"
            total = -total if minus else total
            inner = given.args[0] if minus else given
            for factor in inner.args if inner.op == "mul" else (inner,):
                if factor.number is not None:
                    total *= factor.number
                else:
                    flat.append(factor)
        if total == 0 or not flat:
            return self.constant(total)
        if abs(total) != 1:
            flat.append(self.constant(total))
        node = flat[0] if len(flat) == 1 else self.make("mul", _ordered(flat), None, _widest(flat))
        return self.neg(node) if total == -1 else node

    def div(self, a: Value, b: Value) -> Value:
        if b.number:
            return self.mul(a, self.constant(1 / b.number))
        return self.make("div", (a, b), None, _widest((a, b)))

    def call(self, function: str, *args: Value) -> Value:
        """A function of the table, of numbers at once."""
        numbers = [a.number for a in args]
        if all(n is not None for n in numbers):
            return self.constant(FUNCTIONS[function].value(*numbers))
        return self.make(function, args, None, _widest(args))


def width_of(value: Value) -> int:
    """The size of a vector, in a step whose sizes are numbers."""
    assert isinstance(value.size, int)  # nobody asks it of a symbolic step, or of a number
    return value.size


def reachable(roots: Iterable[Value]) -> list[Value]:
    """Every node that the roots need, arguments first, in one order for one graph."""
    seen: dict[int, Value] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index not in seen:
            seen[node.index] = node
            stack.extend(node.args)
    return [seen[i] for i in sorted(seen)]  # a node is made after its arguments


def _ordered(nodes: list[Value]) -> tuple[Value, ...]:
    return tuple(sorted(nodes, key=lambda n: n.index))


def _widest(nodes: Iterable[Value]) -> Size | None:
    return next((n.size for n in nodes if n.size is not None), None)
