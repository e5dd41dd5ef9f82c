"""The forward loop of a program, and what it keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netspec.cells.ir.dag import Value, width_of
from netspec.cells.ir.loop import At, Buffer, Gemm, Kind, Loop, Stage, StageResult, bodies_of, cut, keep_between
from netspec.cells.ir.program import Program


@dataclass(frozen=True, eq=False)
class Forward:
    """The loop, and where the backward pass finds the forward values that it needs."""

    loop: Loop
    kept: Mapping[Value, At]


def forward_of(program: Program, needed: tuple[Value, ...] | None = None) -> Forward:
    """The forward loop; for training with what the backward pass needs and cannot compute again (backward.py)."""
    training, needed = needed is not None, needed or ()
    loads = leaf_loads(program)
    targets: list[StageResult] = []
    buffers: dict[str, Buffer] = {}
    factors: dict[Value, At] = {}

    def declare(name: str, kind: Kind, width: int) -> None:
        buffers[name] = Buffer(name, kind, width)

    def leave(node: Value, at: At) -> None:
        """Store a value at the stage that computes it; later stages may read it there."""
        stage = program.stage.get(node, 0)
        targets.append(StageResult(node, at, width_of(node), stage))
        loads.setdefault(node, (at, stage + 1))

    for k, operand in enumerate(program.operands):
        declare(f"operand:{k}", "sequence", width_of(operand))
    for k, group in enumerate(program.sequence_groups):
        declare(f"pre:{k}", "sequence", group.width)
    for name in program.vectors:
        declare(f"vector:{name}", "vector", vector_width(program, name))
    for state in program.states:
        declare(f"state:{state}", "state", width_of(program.next[state]))
        leave_state(program, state, targets, loads)
    for k, node in enumerate(program.exports):
        if not is_state(loads.get(node)):
            declare(f"export:{k}", "sequence", width_of(node))
            leave(node, At(f"export:{k}"))
    for k, group in enumerate(program.loop_groups):
        declare(f"product:{k}", "scratch", group.width)
        # A product of a product stands in scratch: the gradient of its weight needs it for all steps.
        fleeting = training and loads.get(group.operand, (At(""), 0))[0].buffer.startswith("product:")
        if group.operand not in loads or fleeting:
            declare(f"factor:{k}", "sequence" if training else "scratch", group.depth)
            leave(group.operand, At(f"factor:{k}"))
            factors[group.operand] = At(f"factor:{k}")
    loop_products = {p for group in program.loop_groups for p in group.products}
    saved = [n for n in needed if n not in loads or n in loop_products]
    # Where they go is settled last; until then each has an address of its own.
    parked = {n: At("saved", -1 - i) for i, n in enumerate(saved)}
    for node, at in parked.items():
        leave(node, at)
    between = keep_between(targets, loads, program.stage, "between")
    if between:
        declare("between", "scratch", between)
    final, left = _over_inputs(program, targets, loads, parked, needed)
    if left:
        declare("saved", "sequence", left)
    targets = [replace(t, at=final.get(t.at, t.at)) for t in targets]
    loads = {n: (final.get(at, at), first) for n, (at, first) in loads.items()}
    last = max((t.stage for t in targets), default=0)
    stages = tuple(Stage(_gemms(program, loads, stage), bodies_of(targets, loads, stage)) for stage in range(last + 1))
    addresses = {n: at for n, (at, _) in loads.items()} | factors | {n: final[at] for n, at in parked.items()}
    return Forward(Loop(buffers, stages, backward=False), addresses)


def is_state(load: tuple[At, int] | None) -> bool:
    """Whether a value stands in a state's sequence, as what the step left."""
    return load is not None and load[0].buffer.startswith("state:") and not load[0].before


def vector_width(program: Program, name: str) -> int:
    """The size of a weight that the loop reads element by element."""
    [size] = program.step.weights[name]
    assert isinstance(size, int)  # sizes of a program are numbers
    return size


def leaf_loads(program: Program) -> dict[Value, tuple[At, int]]:
    """Where the loop finds what it does not compute, and from which stage on."""
    loads: dict[Value, tuple[At, int]] = {}
    for node in program.dag.nodes:
        if node.op == "previous" and node.attr in program.states:
            loads[node] = (At(f"state:{node.attr}", before=True), 0)
        elif node.op == "weight" and node.attr in program.vectors:
            loads[node] = (At(f"vector:{node.attr}"), 0)
    for k, operand in enumerate(program.operands):
        loads.setdefault(operand, (At(f"operand:{k}"), 0))
    for k, group in enumerate(program.sequence_groups):
        loads |= {p: (At(f"pre:{k}", offset), 0) for p, offset in group.offsets.items()}
    for k, group in enumerate(program.loop_groups):
        loads |= {p: (At(f"product:{k}", offset), program.stage[p]) for p, offset in group.offsets.items()}
    return loads


def leave_state(program: Program, state: str, targets: list[StageResult], loads: dict[Value, tuple[At, int]]) -> None:
    node, at = program.next[state], At(f"state:{state}")
    # A state that only hands on another value (`last[t] = c[t-1]`) is stored when the step is over.
    stage = program.stage.get(node, 0)
    targets.append(StageResult(node, at, width_of(node), stage))
    if node not in loads:
        loads[node] = (at, stage + 1)


def _gemms(program: Program, loads: Mapping[Value, tuple[At, int]], stage: int) -> tuple[Gemm, ...]:
    return tuple(
        Gemm(f"loop:{k}", ((loads[group.operand][0], group.depth),), At(f"product:{k}"), group.width)
        for k, group in enumerate(program.loop_groups)
        if program.stage[group.products[0]] == stage
    )


def _over_inputs(
    program: Program,
    targets: list[StageResult],
    loads: Mapping[Value, tuple[At, int]],
    parked: Mapping[Value, At],
    needed: tuple[Value, ...],
) -> tuple[dict[At, At], int]:
    """Put saved values where products of the input stood that nothing reads any more: half of the memory.

    Gives the new address for each parked one, and the width of what found no such place.
    """
    last_read: dict[Value, int] = {}
    for stage in range(1 + max((t.stage for t in targets), default=0)):
        ready = {node: at for node, (at, begin) in loads.items() if begin <= stage}
        for node in cut([t.node for t in targets if t.stage == stage], ready):
            last_read[node] = stage
    free = [p for g in program.sequence_groups for p in g.products if p not in needed]
    final: dict[At, At] = {}
    left = 0
    for node, at in parked.items():
        stage = program.stage.get(node, 0)
        place = next((p for p in free if p.size == node.size and last_read.get(p, 0) <= stage), None)
        if place is not None:
            free.remove(place)
            final[at] = loads[place][0]
        else:
            final[at], left = At("saved", left), left + width_of(node)
    return final, left
