"""Recurrences that are linear in what they carry from step to step: those can be computed as a parallel scan.

A value c that is carried from step to step, with c' = a · c + b where a and b read nothing that is carried, composes:
two steps are one of the same form,

    (a₂, b₂) ∘ (a₁, b₁) = (a₂ · a₁, a₂ · b₁ + b₂)

so that T steps take log T rounds in place of T.  minGRU and the quasi-recurrent cell are of this form, an SRU is not
(its gates read c[t-1]).  In the backward pass adjoints are carried, and those always enter linearly.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Generic, Protocol, TypeVar

from netspec.cells.ir.dag import Dag, Value, reachable
from netspec.cells.ir.program import Program

Coefficient = TypeVar("Coefficient")
AffineParts = tuple[Coefficient | None, Coefficient | None]  # a and b; None is zero


class Algebra(Protocol[Coefficient]):
    """What coefficients are made of: nodes, or text of a kernel."""

    def of(self, node: Value) -> Coefficient: ...
    def one(self) -> Coefficient: ...
    def add(self, values: Sequence[Coefficient]) -> Coefficient: ...
    def mul(self, values: Sequence[Coefficient]) -> Coefficient: ...
    def neg(self, value: Coefficient) -> Coefficient: ...
    def div(self, a: Coefficient, b: Coefficient) -> Coefficient: ...


def linear_recurrence(program: Program) -> dict[str, tuple[Value, Value]] | None:
    """The a and b of every state of the loop, or None where a state enters a product or enters other than linearly."""
    if program.loop_groups:
        return None
    carried = {n for n in program.dag.nodes if n.op == "previous" and n.attr in program.states}
    algebra = _Nodes(program.dag)
    recurrence = {}
    for state in program.states:
        leaf = next((n for n in carried if n.attr == state), None)
        try:
            parts = affine(program.next[state], leaf, carried, algebra)
        except OverflowError:  # numbers that one product would bring beyond 32 bits
            return None
        if parts is None:
            return None
        zero = program.dag.constant(0)
        recurrence[state] = (parts[0] or zero, parts[1] or zero)
    return recurrence


def affine(
    root: Value, leaf: Value | None, carried: Container[Value], algebra: Algebra[Coefficient]
) -> AffineParts[Coefficient] | None:
    """(a, b) with root = a · leaf + b and neither reading anything carried; None where there are none such."""
    return _AffineReader(leaf, carried, algebra).read(root)


class _AffineReader(Generic[Coefficient]):
    def __init__(self, leaf: Value | None, carried: Container[Value], algebra: Algebra[Coefficient]) -> None:
        self.leaf, self.algebra = leaf, algebra
        self.carried = carried
        self.known: dict[Value, AffineParts[Coefficient] | None] = {}
        self.moving: dict[Value, bool] = {}

    def moves(self, node: Value) -> bool:
        """Whether a node reads anything carried."""
        if node not in self.moving:
            for n in reachable([node]):
                self.moving[n] = n in self.carried or any(self.moving[a] for a in n.args)
        return self.moving[node]

    def read(self, node: Value) -> AffineParts[Coefficient] | None:
        if node not in self.known:
            self.known[node] = self.parts(node)
        return self.known[node]

    def parts(self, node: Value) -> AffineParts[Coefficient] | None:
        algebra = self.algebra
        if node is self.leaf:
            return algebra.one(), None
        if not self.moves(node):
            return None, (None if node.number == 0 else algebra.of(node))
        if node.op in ("add", "neg"):
            terms = [self.read(a) for a in node.args]
            parts = [p for p in terms if p is not None]
            if len(parts) < len(terms):
                return None
            if node.op == "neg":
                [(a, b)] = parts
                return None if a is None else algebra.neg(a), None if b is None else algebra.neg(b)
            return self.sum([a for a, _ in parts]), self.sum([b for _, b in parts])
        if node.op == "mul" or (node.op == "div" and not self.moves(node.args[1])):
            [*moving] = [a for a in node.args if self.moves(a)]
            inner = self.read(moving[0]) if len(moving) == 1 else None
            if inner is None:
                return None
            if node.op == "div":
                below = algebra.of(node.args[1])
                return tuple(None if v is None else algebra.div(v, below) for v in inner)  # type: ignore[return-value]  # a pair, as `inner` is
            rest = [algebra.of(a) for a in node.args if a is not moving[0]]
            return tuple(None if v is None else algebra.mul([v, *rest]) for v in inner)  # type: ignore[return-value]  # a pair, as `inner` is
        return None

    def sum(self, values: list[Coefficient | None]) -> Coefficient | None:
        real = [v for v in values if v is not None]
        return None if not real else real[0] if len(real) == 1 else self.algebra.add(real)


class _Nodes:
    """Coefficients as nodes of the same graph."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag

    def of(self, node: Value) -> Value:
        return node

    def one(self) -> Value:
        return self.dag.constant(1)

    def add(self, values: Sequence[Value]) -> Value:
        return self.dag.add(*values)

    def mul(self, values: Sequence[Value]) -> Value:
        return self.dag.mul(*values)

    def neg(self, value: Value) -> Value:
        return self.dag.neg(value)

    def div(self, a: Value, b: Value) -> Value:
        return self.dag.div(a, b)
