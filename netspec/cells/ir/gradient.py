"""The gradient of a step: the adjoint v̄ = ∂L/∂v of every value v of the loop, by the pull-backs of the functions' rows.

v̄ is the sum over what reads v.  A product y = W @ u gives ū += Wᵀ ȳ in the loop; W̄ = Σ ȳ uᵀ is one matrix product over
all steps after it (run/gradient.py), so that the loop (backward.py) only leaves the ȳ behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Dag, Value
from netspec.cells.ir.program import Program


@dataclass(frozen=True, eq=False)
class Adjoints:
    """The adjoint of every leaf of the loop, as nodes over forward values and "adjoint" leaves."""

    product: Mapping[Value, Value]
    previous: Mapping[str, Value]  # the new carry of each state
    vector: Mapping[str, Value]
    operand: Mapping[Value, Value]  # of sequence values that the loop reads element by element


def adjoints_of(program: Program) -> Adjoints:
    """Differentiate the loop body."""
    dag = program.dag
    contributions: dict[Value, list[Value]] = {}

    def give(node: Value, adjoint: Value) -> None:
        if adjoint.number != 0:
            contributions.setdefault(node, []).append(adjoint)

    def leaf(what: str, key: object, node: Value) -> Value:
        return dag.leaf("adjoint", (what, key), node.size)

    for state in program.states:
        give(program.next[state], leaf("carry", state, program.next[state]))
    for k, node in enumerate(program.exports):
        give(node, leaf("export", k, node))
    for k, group in enumerate(program.loop_groups):
        give(group.operand, leaf("factor", k, group.operand))
    products: dict[Value, Value] = {}
    for node in sorted(program.inside, key=lambda n: -n.index):
        g = dag.add(*contributions.get(node, []))
        if node.op == "product":
            products[node] = g
        elif g.number != 0:
            for arg, adjoint in zip(node.args, pull_back(dag, g, node), strict=True):
                if arg in program.inside or arg.op != "number":
                    give(arg, adjoint)
    for group in program.sequence_groups:
        products |= {p: dag.add(*contributions.get(p, [])) for p in group.products}
    total = {node: dag.add(*parts) for node, parts in contributions.items()}
    zero = dag.constant(0)
    previous = {s: dag.leaf("previous", s, program.step.states[s]) for s in program.states}
    return Adjoints(
        products,
        {s: total.get(n, zero) for s, n in previous.items()},
        {n.attr: g for n, g in total.items() if n.op == "weight"},
        # An operand that the loop also reads is a leaf of it, or a value of leaves; only leaves hand on what they get.
        {n: total[n] for n in program.operands if n in total and n.op in ("input", "previous")},
    )


def gradient_overflows(program: Program) -> bool:
    """Whether numbers come together in the gradient to one that 32 bits do not hold (`1e30 * tanh(1e30 * a)`).

    torch multiplies by one after the other, and what stands between them may be small.
    """
    try:
        adjoints_of(program)
    except OverflowError:
        return True
    return False


def pull_back(dag: Dag, g: Value, node: Value) -> tuple[Value, ...]:
    """The adjoint that a node gives to each of its arguments."""
    args = node.args
    match node.op:
        case "add":
            return (g,) * len(args)
        case "neg":
            return (dag.neg(g),)
        case "mul":
            return tuple(dag.mul(g, *(b for j, b in enumerate(args) if j != i)) for i in range(len(args)))
        case "div":
            return (dag.div(g, args[1]), dag.neg(dag.div(dag.mul(g, node), args[1])))
    if node.op in FUNCTIONS:
        return FUNCTIONS[node.op].pullback(dag, g, args, node)
    return ()  # leaves: previous
