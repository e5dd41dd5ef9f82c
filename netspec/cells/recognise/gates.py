"""What the operators read of a step alike: gates, candidates, their functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Columns, Value
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.operator import DifferentError, Gate, Native, WeightSlice
from netspec.cells.recognise.polynomial import Monomial, Polynomial
from netspec.cells.recognise.shown import shown

IDENTITY = "identity"  # the row of FUNCTIONS in the place of a function that is not there


@dataclass
class GateReader:
    """Reads what stands inside of a gate's function: a sum of products, biases and peepholes."""

    h: str
    names: Mapping[Value, str]  # of the new states, for messages
    peeped: Value | None = None  # the value that this gate may see element by element

    def gate(self, polynomial: Polynomial) -> Gate:
        slices_of: dict[str, list[WeightSlice]] = {"input": [], "state": [], "bias": [], "peephole": []}
        constant = 0.0
        for monomial, factor in polynomial.items():
            if not monomial:
                constant = factor
                continue
            role, part = self.term(monomial, factor)
            slices_of[role].append(part)
        parts = {role: tuple(of_role) for role, of_role in slices_of.items()}
        return Gate(parts["input"], parts["state"], parts["bias"], constant, peephole=parts["peephole"])

    def term(self, monomial: Monomial, factor: float) -> tuple[str, WeightSlice]:
        weights = [n for n in monomial if n.op == "weight"]
        others = [n for n in monomial if n.op != "weight"]
        if len(monomial) == 1 and weights:
            return "bias", WeightSlice(weights[0].attr, factor)
        if len(monomial) == 1 and others[0].op == "product":
            [product] = others
            [operand] = product.args
            if operand.op == "input" or (operand.op, operand.attr) == ("previous", self.h):
                return "input" if operand.op == "input" else "state", slice_of(product, factor)
            raise DifferentError(f"a gate multiplies a matrix with `{shown(operand, names=self.names)}`")
        if len(weights) == 1 and len(others) == 1 and others[0] is self.peeped:
            return "peephole", WeightSlice(weights[0].attr, factor)
        raise DifferentError(f"a gate adds `{shown(*monomial, names=self.names)}`")


def slice_of(product: Value, factor: float) -> WeightSlice:
    """A matrix product as the columns of its weight."""
    columns: Columns = product.attr
    assert isinstance(columns.start, int) and isinstance(columns.stop, int)  # `match` takes steps of known sizes
    return WeightSlice(columns.weight, factor, columns.start, columns.stop)


def one_state(step: CellStep, operator: str) -> tuple[str, int]:
    """The name and size of a step's only state, which is its output."""
    [(h, hidden)] = step.states.items()
    if step.output is not step.next[h]:
        raise DifferentError(f"the output is not the state `{h}[t]`, which the {operator} gives out")
    if not isinstance(hidden, int):
        raise DifferentError("its sizes are not known")
    return h, hidden


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
    if not is_call(gate) or (constant and not flips(gate)):
        return None
    return gate, bool(constant)


def flips(node: Value) -> bool:
    """Is it f(a) with 1 − f(a) = f(−a)?"""
    return is_call(node) and FUNCTIONS[node.op].parity == "complement"


def is_odd(node: Value) -> bool:
    """Is it f(a) with −f(a) = f(−a)?"""
    return is_call(node) and FUNCTIONS[node.op].parity == "odd"


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


def function_shown(name: str) -> str:
    return "no function" if name == IDENTITY else name


def other_function(native: Native) -> str:
    """The first function that torch's layer has otherwise; "" where it has all of them."""
    for function, usual in zip(native.functions, native.operator.functions, strict=True):
        if function != usual:
            return f"{native.operator.torch_layer} has {usual} where the cell has {function_shown(function)}"
    return ""
