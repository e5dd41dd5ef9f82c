"""The loop of the backward pass: the adjoints of gradient.py put into stages, and the products between them.

For every product it leaves the adjoint behind for all steps; what the gradient needs of the forward pass and cannot
compute again is saved there (forward.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Value, width_of
from netspec.cells.ir.forward import Forward, forward_of, leaf_loads, vector_width
from netspec.cells.ir.gradient import Adjoints, adjoints_of
from netspec.cells.ir.loop import At, Buffer, Gemm, Kind, Loop, Stage, StageResult, bodies_of, cut, keep_between
from netspec.cells.ir.program import Program
from netspec.cells.ir.schedule import ProductGroup

Declare = Callable[[str, Kind, int], None]  # a buffer, its kind and width


@dataclass(frozen=True, eq=False)
class Backward:
    """The forward loop that keeps what is needed, and the loop of the backward pass."""

    forward: Forward
    loop: Loop
    columns: Mapping[Value, At]  # where the adjoint of each product is left
    operands: Mapping[Value, At]  # where that of each sequence value is left, when the loop reads it

    def columns_of(self, group: ProductGroup) -> tuple[tuple[At, int], ...]:
        """The adjoints of a group's products, as stretches of columns."""
        return _runs(tuple((self.columns[p], width_of(p)) for p in group.products))


def backward_of(program: Program) -> Backward:
    """The forward and backward loops of training."""
    adjoints = adjoints_of(program)
    roots = [
        *adjoints.product.values(),
        *adjoints.previous.values(),
        *adjoints.vector.values(),
        *adjoints.operand.values(),
    ]
    needed = needed_values(program, roots)
    forward = forward_of(program, needed)
    within = {b.name for b in forward.loop.of("scratch")}
    saved = {at for node, at in forward.kept.items() if node in needed}
    loads = {
        node: (at, 0)
        for node, at in forward.kept.items()
        if at.buffer not in within and (node in needed or at not in saved)  # what was saved stands over an input
    }
    return _loop(program, adjoints, forward, loads)


def needed_values(program: Program, roots: Iterable[Value]) -> tuple[Value, ...]:
    """Forward values that the adjoints read and that are not computed again from states and inputs.

    Sums and products of available values, and functions of nothing but states, weights and numbers, are computed
    again: cheaper than memory.
    """
    available = set(leaf_loads(program)) | _kept_states(program) | {g.operand for g in program.loop_groups}
    available -= {p for g in program.loop_groups for p in g.products}
    saved: dict[Value, None] = {}
    seen: set[Value] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in available and node.op != "product":
            continue
        if node in program.inside or node.op == "product":
            if node.op == "product" or any(a.op == "product" for a in node.args):
                saved[node] = None
                continue
            if node.op in FUNCTIONS and not all(_light(a, program) for a in node.args):
                saved[node] = None
                continue
        stack.extend(node.args)
    return tuple(sorted(saved, key=lambda n: n.index))


def _kept_states(program: Program) -> set[Value]:
    """New values that stand in a state's sequence.  A state of the input alone is none of the loop and has no such."""
    return {program.next[state] for state in program.states}


def _light(node: Value, program: Program) -> bool:
    """States, weights and numbers, and values that stand in a state."""
    return node.op in ("previous", "weight", "number") or node in _kept_states(program)


def _loop(program: Program, adjoints: Adjoints, forward: Forward, loads: dict[Value, tuple[At, int]]) -> Backward:
    dag = program.dag
    buffers = {
        name: b for name, b in forward.loop.buffers.items() if any(at.buffer == name for at, _ in loads.values())
    }
    targets: list[StageResult] = []

    def declare(name: str, kind: Kind, width: int) -> None:
        buffers[name] = Buffer(name, kind, width)

    for state in program.states:
        width = width_of(program.next[state])
        declare(f"carry:{state}", "carry", width)
        loads[dag.leaf("adjoint", ("carry", state), width)] = (At(f"carry:{state}"), 0)
    for k, node in enumerate(program.exports):
        declare(f"gradient:{k}", "sequence", width_of(node))
        loads[dag.leaf("adjoint", ("export", k), node.size)] = (At(f"gradient:{k}"), 0)
    stage = _stages(program, adjoints)
    columns = _columns(program, adjoints, declare)
    for node, at in columns.items():
        targets.append(StageResult(adjoints.product[node], at, width_of(node), stage(adjoints.product[node])))
    unique = {t.at: t for t in targets}
    targets = list(unique.values())
    for t in targets:
        if t.node.op != "number":
            loads.setdefault(t.node, (t.at, t.stage + 1))
    gemms: dict[int, list[Gemm]] = {}
    for k, group in enumerate(program.loop_groups):
        leaf = dag.leaf("adjoint", ("factor", k), group.operand.size)
        declare(f"factor_gradient:{k}", "scratch", group.depth)
        loads[leaf] = (At(f"factor_gradient:{k}"), stage(leaf))
        gemms.setdefault(stage(leaf), []).append(
            Gemm(
                f"backward:{k}",
                _runs(tuple((columns[p], width_of(p)) for p in group.products)),
                At(f"factor_gradient:{k}"),
                group.depth,
            )
        )
    operands: dict[Value, At] = {}
    for node, adjoint in adjoints.operand.items():
        operands[node] = At(f"operand_gradient:{program.operands.index(node)}")
        declare(operands[node].buffer, "sequence", width_of(node))
        targets.append(StageResult(adjoint, operands[node], width_of(node), stage(adjoint)))
    for name in program.vectors:
        adjoint = adjoints.vector.get(name, dag.constant(0))
        declare(f"sum:{name}", "sum", vector_width(program, name))
        targets.append(StageResult(adjoint, At(f"sum:{name}"), vector_width(program, name), stage(adjoint), sum=True))
    # The carries are overwritten when everything else has been read.
    last = max([t.stage for t in targets] + [stage(a) for a in adjoints.previous.values()] + [*gemms])
    for state, adjoint in adjoints.previous.items():
        targets.append(StageResult(adjoint, At(f"carry:{state}"), width_of(program.next[state]), last))
    stages_of = {n: stage(n) for t in targets for n in _below(t.node, loads)}
    between = keep_between(targets, loads, stages_of, "between")
    if between:
        declare("between", "scratch", between)
    stages = tuple(Stage(tuple(gemms.get(s, ())), bodies_of(targets, loads, s)) for s in range(last + 1))
    used = {
        at.buffer
        for st in stages
        for b in st.bodies
        for at in [*b.loads.values(), *(a for _, a in b.stores), *(a for _, a in b.sums)]
    }
    used |= {g.target.buffer for st in stages for g in st.gemms}
    return Backward(
        forward, Loop({n: b for n, b in buffers.items() if n in used}, stages, backward=True), columns, operands
    )


def _below(node: Value, loads: Mapping[Value, object]) -> list[Value]:
    return cut([node], loads)


def _stages(program: Program, adjoints: Adjoints) -> Callable[[Value], int]:
    """How many products of the backward step stand before a value."""
    known: dict[Value, int] = {}

    def stage(node: Value) -> int:
        if node not in known:
            if node.op == "adjoint" and node.attr[0] == "factor":
                group: ProductGroup = program.loop_groups[node.attr[1]]
                known[node] = 1 + max(stage(adjoints.product[p]) for p in group.products)
            elif node.op == "adjoint" or node in program.inside or not node.args:
                known[node] = 0
            else:
                known[node] = max(map(stage, node.args))
        return known[node]

    return stage


def _columns(program: Program, adjoints: Adjoints, declare: Declare) -> dict[Value, At]:
    """An address for the adjoint of every product; equal adjoints share one."""
    addresses: dict[tuple[Value, int], At] = {}
    columns: dict[Value, At] = {}
    width = 0
    for group in (*program.sequence_groups, *program.loop_groups):
        for product in group.products:
            key = (adjoints.product[product], width_of(product))
            if key not in addresses:
                addresses[key] = At("products", width)
                width += width_of(product)
            columns[product] = addresses[key]
    if width:
        declare("products", "sequence", width)
    return columns


def _runs(sources: tuple[tuple[At, int], ...]) -> tuple[tuple[At, int], ...]:
    """Columns that follow each other as one source."""
    runs: list[tuple[At, int]] = []
    for at, depth in sources:
        if runs and runs[-1][0].buffer == at.buffer and runs[-1][0].offset + runs[-1][1] == at.offset:
            runs[-1] = (runs[-1][0], runs[-1][1] + depth)
        else:
            runs.append((at, depth))
    return tuple(runs)
