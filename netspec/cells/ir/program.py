"""A step as a plan for a whole sequence: what is computed before the loop over time, in it, and after it.

Every product of the step is one of three kinds (`netspec cells NAME` shows them):

  sequence   its operand does not depend on a state: one matrix product over all steps, before the loop.  A state whose
             new value depends on the input alone (`last[t] = x[t]`) only delays it, and counts as such an operand.
  loop       its operand is a state before the step, or a value of the same step (a second, dependent product)
  after      no state depends on it (`y = V @ h[t]`): one matrix product over all steps, after the loop

What is left in the loop is element-wise, in stages with the loop products between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Dag, Value, reachable
from netspec.cells.ir.step import CellStep
from netspec.shapes.dim import Size


@dataclass(frozen=True, eq=False)
class ProductGroup:
    """All products of one operand, their matrices packed below each other: (width, depth) @ operand."""

    operand: Value
    products: tuple[Value, ...]

    @cached_property
    def depth(self) -> int:
        return whole(self.operand)

    @cached_property
    def width(self) -> int:
        return sum(map(whole, self.products))

    @cached_property
    def offsets(self) -> dict[Value, int]:
        """Where each product begins in the packed result."""
        found, at = {}, 0
        for product in self.products:
            found[product] = at
            at += whole(product)
        return found


@dataclass(frozen=True, eq=False)
class Program:
    """The plan.  Sizes are numbers."""

    step: CellStep
    states: tuple[str, ...]  # those of the loop
    delayed: tuple[str, ...]  # those that only delay a sequence value
    inside: frozenset[Value]  # what the loop computes: its own values, and element-wise ones of sequence values
    operands: tuple[Value, ...]  # sequence values that the loop reads or multiplies
    sequence_groups: tuple[ProductGroup, ...]
    loop_groups: tuple[ProductGroup, ...]
    stage: Mapping[Value, int]  # of every node inside: how many loop products stand before it
    exports: tuple[Value, ...]  # loop values that the output needs as sequences
    vectors: tuple[str, ...]  # weights that the loop reads element by element

    @property
    def dag(self) -> Dag:
        return self.step.dag

    @property
    def output(self) -> Value:
        """The output; computed after the loop when it is no export itself."""
        return self.step.output

    @property
    def next(self) -> Mapping[str, Value]:
        return self.step.next


def whole(node: Value) -> int:
    """The size of a vector node, in a step whose sizes are numbers."""
    assert isinstance(node.size, int)  # `program_of` takes no symbolic step, and numbers are no operands
    return node.size


def program_of(step: CellStep) -> Program:
    """The plan of a step whose sizes are numbers, and whose weights are vectors and matrices (`scalars_as_vectors`)."""
    sequence, delayed = _sequence_values(step)
    states = tuple(s for s in step.states if s not in delayed)
    inside = {n for n in reachable(step.next[s] for s in states) if n not in sequence}
    after: set[Value] = set()
    for n in reachable([step.output]):
        if n not in sequence and n not in inside:
            if n.op == "product" or any(a in after for a in n.args):
                after.add(n)
            else:
                inside.add(n)
    exports = [step.output] if step.output in inside else []
    exports += [a for n in reachable([step.output]) if n in after for a in n.args if a in inside]
    loop_groups = _groups(n for n in _in_order(inside) if n.op == "product")
    reads = {n for n in _read(inside) if n in sequence}
    inside |= {n for n in reads if n.args and n.op != "product"}
    leaves = [n for n in _in_order(reads) if n.op in ("product", "input", "previous")]
    groups = _groups(n for n in leaves if n.op == "product")
    operands = dict.fromkeys([*(g.operand for g in groups), *(n for n in leaves if n.op != "product")])
    if not operands:  # it says how many steps there are
        operands[step.dag.leaf("input", None, step.sizes["input"])] = None
    vectors = tuple(n.attr for n in _in_order(reads) if n.op == "weight")
    return Program(step, states, delayed, frozenset(inside), tuple(operands), groups, loop_groups, _stages(inside),
                   tuple(dict.fromkeys(exports)), vectors)  # fmt: skip


def without_scalars(step: CellStep) -> CellStep | None:
    """The same step with every weight that is one number as a vector of the size it meets; None when it meets two."""
    scalars = {n for n in reachable(step.roots) if n.op == "weight" and n.size is None}
    if not scalars:
        return step
    met: dict[Value, set[Size]] = {}  # number nodes -> sizes of the vectors they meet
    nodes = reachable(step.roots)
    for n in reversed(nodes):
        for a in n.args:
            if a.size is None:
                met.setdefault(a, set()).update({n.size} if n.size is not None else met.get(n, set()))
    if any(len(met[n]) != 1 for n in scalars):
        return None
    new: dict[Value, Value] = {}
    dag = Dag()
    for n in nodes:
        size = n.size
        if n in scalars or (size is None and n.op != "number" and len(met.get(n, ())) == 1):
            [size] = met[n]
        new[n] = dag.make(n.op, [new[a] for a in n.args], n.attr, size)
    vectors = {n.attr: tuple(met[n]) for n in scalars}
    return replace(step, dag=dag, next={k: new[n] for k, n in step.next.items()}, output=new[step.output],
                   weights={**step.weights, **vectors})  # fmt: skip


# Instructions of a step: compiling grows with the square, 1,300 take a second, 2,600 ten; the library ends at 110.
MAX_WORK = 2000


def plain_reason(step: CellStep) -> str:
    """Why a step has no compiled loop; empty when it has one."""
    simple = without_scalars(step)
    if simple is None:
        return "a weight that is one number meets vectors of several sizes"
    program = program_of(simple)
    if not program.states:
        return "no state depends on itself: there is no loop"
    work = sum(FUNCTIONS[n.op].work if n.op in FUNCTIONS else 1 for n in program.inside)
    return f"a step of {len(program.inside)} operations is too large for one kernel" if work > MAX_WORK else ""


def _in_order(nodes: Iterable[Value]) -> list[Value]:
    return sorted(nodes, key=lambda n: n.index)


def _sequence_values(step: CellStep) -> tuple[set[Value], tuple[str, ...]]:
    """What depends on no state but those that only delay such a value, and those states."""
    delayed: tuple[str, ...] = ()
    nodes = reachable(step.roots)
    while True:
        found: set[Value] = set()
        for n in nodes:
            own = n.attr in delayed if n.op == "previous" else True
            if own and all(a in found for a in n.args):
                found.add(n)
        more = tuple(s for s in step.states if step.next[s] in found)
        if more == delayed:
            return found, delayed
        delayed = more


def _read(inside: set[Value]) -> set[Value]:
    """Everything that stands below the loop's values, down to the operands of products outside of the loop."""
    found: set[Value] = set()
    stack = [a for n in inside for a in n.args if a not in inside]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [] if node.op == "product" else [a for a in node.args if a not in inside]
    return found


def _groups(products: Iterable[Value]) -> tuple[ProductGroup, ...]:
    by_operand: dict[Value, list[Value]] = {}
    for product in products:
        by_operand.setdefault(product.args[0], []).append(product)
    return tuple(ProductGroup(operand, tuple(found)) for operand, found in by_operand.items())


def _stages(inside: set[Value]) -> dict[Value, int]:
    stage: dict[Value, int] = {}
    for n in _in_order(inside):
        before = max((stage.get(a, 0) for a in n.args), default=0)
        computed = n.op == "product" and n.args[0] in inside
        stage[n] = before + 1 if computed else before
    return stage
