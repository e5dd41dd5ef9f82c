"""A loop over time as data: buffers, matrix products, and element-wise bodies.  Every kernel is made from this.

    for t in time:                      forward, or backward for the backward pass
        for stage in stages:
            for gemm in stage.gemms:    target[row] = Σ_run source_run[row] @ weight
            for body in stage.bodies:   every row, every column: load, compute, store, add up

The rows are the batch.  Rows never meet, so that a kernel may give each worker some of them for the whole sequence.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Value

# "sequence"  (T, B, width), any strides but that of the last axis
# "state"     a sequence of what stands after each step, with an initial (B, width) for the step before the first
# "carry"     (B, width), overwritten at each step
# "vector"    (width), the same for every row and step
# "scratch"   (B, width), lives within one step
# "sum"       (width), added up over all rows and steps
Kind = Literal["sequence", "state", "carry", "vector", "scratch", "sum"]


@dataclass(frozen=True)
class At:
    """Where a value stands: some columns of a buffer; of a state, before the step or after it."""

    buffer: str
    offset: int = 0
    before: bool = False


@dataclass(frozen=True)
class Buffer:
    name: str
    kind: Kind
    width: int


@dataclass(frozen=True)
class Gemm:
    """target (B, width) = Σ sources (B, depth_k) @ weight[Σ depth, width]; `weight` names the packed matrix."""

    weight: str
    sources: tuple[tuple[At, int], ...]
    target: At
    width: int

    @property
    def depth(self) -> int:
        return sum(depth for _, depth in self.sources)


@dataclass(frozen=True, eq=False)
class LoopBody:
    """Element-wise work on vectors of one size."""

    size: int
    loads: Mapping[Value, At]
    stores: tuple[tuple[Value, At], ...]
    sums: tuple[tuple[Value, At], ...]


@dataclass(frozen=True, eq=False)
class Stage:
    gemms: tuple[Gemm, ...]
    bodies: tuple[LoopBody, ...]


@dataclass(frozen=True, eq=False)
class Loop:
    """One pass over a sequence."""

    buffers: Mapping[str, Buffer]
    stages: tuple[Stage, ...]
    backward: bool

    def of(self, *kinds: Kind) -> list[Buffer]:
        """The buffers of some kinds, in order."""
        return [b for b in self.buffers.values() if b.kind in kinds]


@dataclass(frozen=True)
class StageResult:
    """A value that a stage has to leave somewhere."""

    node: Value
    at: At
    size: int
    stage: int
    sum: bool = False


def bodies_of(
    targets: Sequence[StageResult], loads: Mapping[Value, tuple[At, int]], stage: int
) -> tuple[LoopBody, ...]:
    """The bodies of one stage.  `loads` has with each address the first stage at which it may be read."""
    ready = {node: at for node, (at, first) in loads.items() if first <= stage}
    bodies = []
    of_stage = [t for t in targets if t.stage == stage]
    for size in dict.fromkeys(t.size for t in of_stage):
        of_size = [t for t in of_stage if t.size == size]
        used = cut([t.node for t in of_size], ready)
        bodies.append(
            LoopBody(
                size,
                {n: ready[n] for n in used if n in ready},
                tuple((t.node, t.at) for t in of_size if not t.sum),
                tuple((t.node, t.at) for t in of_size if t.sum),
            )
        )
    return tuple(bodies)


def cut(roots: Iterable[Value], ready: Container[Value]) -> list[Value]:
    """What computing the roots touches when reading stops at what is ready, arguments first."""
    seen: dict[int, Value] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index not in seen:
            seen[node.index] = node
            stack += [] if node in ready else node.args
    return [seen[i] for i in sorted(seen)]


def keep_between(
    targets: list[StageResult], loads: dict[Value, tuple[At, int]], stage_of: Mapping[Value, int], buffer: str
) -> int:
    """Let later stages find functions that an earlier one computes: adds scratch targets, returns their width.

    Sums and products are cheap and computed again.
    """
    width = 0
    for stage in range(1 + max((t.stage for t in targets), default=0)):
        ready = {node: at for node, (at, first) in loads.items() if first <= stage}
        for node in cut([t.node for t in targets if t.stage == stage], ready):
            if node not in ready and node.op in FUNCTIONS and stage_of.get(node, 0) < stage and node.size is not None:
                assert isinstance(node.size, int)  # sizes of a program are numbers
                at = At(buffer, width)
                targets.append(StageResult(node, at, node.size, stage_of.get(node, 0)))
                loads[node] = (at, stage_of.get(node, 0) + 1)
                width += node.size
    return width
