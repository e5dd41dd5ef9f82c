"""What a gate is made of, and what an operator is: the description that recognition gives and packing reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Columns, Value
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.polynomial import Monomial, Polynomial
from netspec.cells.recognise.shown import shown

Kind = Literal["LSTM", "GRU", "RNN"]
IDENTITY = "identity"  # in the place of a function's name

FLIPS = ("sigmoid", "hard_sigmoid")  # 1 − f(a) = f(−a)
ODD = ("tanh", "hard_tanh", IDENTITY)  # −f(a) = f(−a)


@dataclass(frozen=True)
class Part:
    """factor · a weight: its columns `start` to `stop`, or the whole vector (or number) where there are none."""

    weight: str
    factor: float = 1.0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True)
class Gate:
    """One gate: what its packed rows are sums of.  An empty sum is zero."""

    input: tuple[Part, ...] = ()  # columns that multiply x[t]
    state: tuple[Part, ...] = ()  # columns that multiply h[t-1]
    bias: tuple[Part, ...] = ()
    constant: float = 0.0  # a number among the biases
    state_bias: tuple[Part, ...] = ()  # GRU, reset after: the bias inside of r·(…)
    state_constant: float = 0.0
    peephole: tuple[Part, ...] = ()

    def negative(self) -> Gate:
        def minus(parts: tuple[Part, ...]) -> tuple[Part, ...]:
            return tuple(replace(p, factor=-p.factor) for p in parts)

        return Gate(minus(self.input), minus(self.state), minus(self.bias), -self.constant,
                    minus(self.state_bias), -self.state_constant, minus(self.peephole))  # fmt: skip


@dataclass(frozen=True)
class Native:
    """A step as one operator: `gates` by ONNX's letters (i o f c; z r h; i), each with how its weights are built."""

    kind: Kind
    states: tuple[str, ...]  # the cell's names for h and c
    hidden: int
    input: int
    gates: Mapping[str, Gate]
    functions: tuple[str, ...]  # of the gates, of the candidate, of the LSTM's output; of FUNCTIONS, or the identity
    reset_after: bool = True  # GRU

    @property
    def biased(self) -> bool:
        return any(g.bias or g.constant or g.state_bias or g.state_constant for g in self.gates.values())

    @property
    def peepholes(self) -> bool:
        return any(g.peephole for g in self.gates.values())


class DifferentError(Exception):
    """Not one of them: the reason, for a reader."""


@dataclass
class Affine:
    """Reads what stands inside of a gate's function."""

    h: str
    names: Mapping[Value, str]  # of the new states, for messages
    peeped: Value | None = None  # the value that this gate may see element by element

    def gate(self, polynomial: Polynomial) -> Gate:
        found: dict[str, list[Part]] = {"input": [], "state": [], "bias": [], "peephole": []}
        constant = 0.0
        for monomial, factor in polynomial.items():
            if not monomial:
                constant = factor
                continue
            place, part = self.term(monomial, factor)
            found[place].append(part)
        parts = {place: tuple(of_place) for place, of_place in found.items()}
        return Gate(parts["input"], parts["state"], parts["bias"], constant, peephole=parts["peephole"])

    def term(self, monomial: Monomial, factor: float) -> tuple[str, Part]:
        weights = [n for n in monomial if n.op == "weight"]
        others = [n for n in monomial if n.op != "weight"]
        if len(monomial) == 1 and weights:
            return "bias", Part(weights[0].attr, factor)
        if len(monomial) == 1 and others[0].op == "product":
            [product] = others
            [operand] = product.args
            if operand.op == "input" or (operand.op, operand.attr) == ("previous", self.h):
                return "input" if operand.op == "input" else "state", part_of(product, factor)
            raise DifferentError(f"a gate multiplies a matrix with `{shown(operand, names=self.names)}`")
        if len(weights) == 1 and len(others) == 1 and others[0] is self.peeped:
            return "peephole", Part(weights[0].attr, factor)
        raise DifferentError(f"a gate adds `{shown(*monomial, names=self.names)}`")


def part_of(product: Value, factor: float) -> Part:
    """A matrix product as the columns of its weight."""
    columns: Columns = product.attr
    assert isinstance(columns.start, int) and isinstance(columns.stop, int)  # `match` takes steps of known sizes
    return Part(columns.weight, factor, columns.start, columns.stop)


def input_size(step: CellStep) -> int:
    sizes = [n.size for n in step.dag.nodes if n.op == "input"]
    if not sizes or not isinstance(sizes[0], int):
        raise DifferentError("it reads no input")
    return sizes[0]


def flipped(polynomial: Polynomial) -> tuple[Value, bool] | None:
    """(s, False) for s, (s, True) for 1 − s, where s is a gate that can be turned round."""
    rest = dict(polynomial)
    constant = rest.pop((), 0.0)
    if len(rest) != 1:
        return None
    [(monomial, factor)] = rest.items()
    if len(monomial) != 1 or (constant, factor) not in ((0.0, 1.0), (1.0, -1.0)):
        return None
    [gate] = monomial
    if not is_call(gate) or (constant and gate.op not in FLIPS):
        return None
    return gate, bool(constant)


def is_call(node: Value) -> bool:
    """Is it a function of one value?"""
    return node.op in FUNCTIONS and FUNCTIONS[node.op].arity == 1


def one_function(gates: list[Value]) -> str:
    ops = list(dict.fromkeys(g.op for g in gates))
    if len(ops) > 1:
        raise DifferentError(f"its gates have different functions, {' and '.join(ops)}")
    return ops[0]


def text_of(polynomial: Polynomial) -> str:
    terms = (f"{f:g}" if not m else shown(*m) if f == 1 else f"{f:g} * {shown(*m)}" for m, f in polynomial.items())
    return " + ".join(terms).replace("-1 * ", "-").replace("+ -", "- ")


def names_of(step: CellStep) -> dict[Value, str]:
    return {node: f"{state}[t]" for state, node in step.next.items()}
