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

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Dag, Value, reachable
from netspec.cells.ir.schedule import ProductGroup, Stretch, schedule_of
from netspec.cells.ir.step import CellStep
from netspec.shapes.dim import Size


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


def program_of(step: CellStep) -> Program:
    """The plan of a step whose sizes are numbers, and whose weights are vectors and matrices (`without_scalars`)."""
    schedule = schedule_of(step, shifts=True)
    inside = set(schedule.of(Stretch.LOOP))
    after: set[Value] = set()
    for value in schedule.of(Stretch.AFTER):  # element-wise work joins the loop, as far as no product stands before it
        behind = value.op == "product" or any(argument in after for argument in value.args)
        (after if behind else inside).add(value)
    exports = schedule.exports(_in_order(after))
    loop_groups = schedule.groups(inside)
    reads = {n for n in _read(inside) if not schedule.stateful(n)}
    inside |= {n for n in reads if n.args and n.op != "product"}
    leaves = [n for n in _in_order(reads) if n.op in ("product", "input", "previous")]
    groups = schedule.groups(reads)
    operands = dict.fromkeys([*(g.operand for g in groups), *(n for n in leaves if n.op != "product")])
    if not operands:  # it says how many steps there are
        operands[step.dag.leaf("input", None, step.sizes["input"])] = None
    vectors = tuple(n.attr for n in _in_order(reads) if n.op == "weight")
    return Program(
        step,
        schedule.states,
        schedule.delayed,
        frozenset(inside),
        tuple(operands),
        groups,
        loop_groups,
        _stages(inside),
        exports,
        vectors,
    )


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
    return replace(
        step,
        dag=dag,
        next={k: new[n] for k, n in step.next.items()},
        output=new[step.output],
        weights={**step.weights, **vectors},
    )


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


def _read(inside: set[Value]) -> set[Value]:
    """Everything that stands below the loop's values, down to the operands of products outside of the loop."""
    seen: set[Value] = set()
    stack = [a for n in inside for a in n.args if a not in inside]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += [] if node.op == "product" else [a for a in node.args if a not in inside]
    return seen


def _stages(inside: set[Value]) -> dict[Value, int]:
    stage: dict[Value, int] = {}
    for n in _in_order(inside):
        before = max((stage.get(a, 0) for a in n.args), default=0)
        computed = n.op == "product" and n.args[0] in inside
        stage[n] = before + 1 if computed else before
    return stage
