"""A loop run by torch, one operation a node: what the kernels are held against, and what runs where they do not.

# T time, B batch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netspec.cells.ir.dag import Value
from netspec.cells.ir.loop import At, Loop, LoopBody, cut
from netspec.cells.kernels.elementwise import elementwise


def run_loop(
    loop: Loop,
    tensors: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    steps: int,
    lengths: Tensor | None,
) -> None:
    """Fill the buffers of the loop in place.

    `tensors` has every buffer but those of one step: sequences and states (T, B, n), carries (B, n), vectors and sums
    (n).  `initial` has (B, n) for each state; `weights` the packed matrices, (depth, width).
    """
    some = next(iter(initial.values()))
    scratch = {b.name: some.new_zeros(some.shape[0], b.width) for b in loop.of("scratch")}
    for t in reversed(range(steps)) if loop.backward else range(steps):
        active = None if lengths is None else (lengths > t).unsqueeze(1)
        step = _Step(loop, tensors, initial, scratch, t, active)
        for stage in loop.stages:
            for gemm in stage.gemms:
                source = torch.cat([step.read(at, depth) for at, depth in gemm.sources], dim=1)
                weight = weights[gemm.weight]
                step.write(gemm.target, gemm.width, source.to(weight.dtype) @ weight)
            for body in stage.bodies:
                step.run(body)


class _Step:
    """The buffers as they stand at one time."""

    def __init__(
        self,
        loop: Loop,
        tensors: Mapping[str, Tensor],
        initial: Mapping[str, Tensor],
        scratch: Mapping[str, Tensor],
        t: int,
        active: Tensor | None,
    ) -> None:
        self.loop, self.tensors, self.initial, self.scratch = loop, tensors, initial, scratch
        self.t, self.active = t, active

    def rows(self, at: At) -> Tensor:
        kind = self.loop.buffers[at.buffer].kind
        if kind == "scratch":
            return self.scratch[at.buffer]
        tensor = self.tensors[at.buffer]
        if kind in ("carry", "vector", "sum"):
            return tensor
        if at.before:
            return self.initial[at.buffer] if self.t == 0 else tensor[self.t - 1]
        return tensor[self.t]

    def read(self, at: At, size: int) -> Tensor:
        return self.rows(at)[..., at.offset : at.offset + size]

    def write(self, at: At, size: int, value: Tensor) -> None:
        place = self.rows(at)[..., at.offset : at.offset + size]
        kind = self.loop.buffers[at.buffer].kind
        if self.active is not None and kind != "scratch":
            # Where a sequence has ended its states and carries stand still, and everything else is 0.
            still = self.read(At(at.buffer, at.offset, before=True), size) if kind == "state" else place
            value = torch.where(self.active, value, still if kind in ("state", "carry") else torch.zeros_like(place))
        place.copy_(value)

    def run(self, body: LoopBody) -> None:
        known: dict[Value, Tensor | float] = {n: self.read(at, body.size) for n, at in body.loads.items()}
        for node in cut([n for n, _ in (*body.stores, *body.sums)], body.loads):
            if node not in known:
                known[node] = compute(node, [known[a] for a in node.args])
        # All values before the first store: a value may be kept where another stood.
        values = [(at, self.like(self.read(at, body.size), known[node])) for node, at in body.stores]
        for at, value in values:
            self.write(at, body.size, value)
        for node, at in body.sums:
            value = torch.as_tensor(known[node])
            if self.active is not None:
                value = torch.where(self.active, value, value.new_zeros(()))
            place = self.read(at, body.size)
            place += value.sum(0) if value.dim() > 1 else value

    @staticmethod
    def like(place: Tensor, value: Tensor | float) -> Tensor:
        return torch.as_tensor(value, dtype=place.dtype, device=place.device).expand(place.shape).clone()


def compute(node: Value, args: list[Tensor | float]) -> Any:
    """One element-wise node, or a number."""
    return float(node.attr) if node.op == "number" else elementwise(node.op, args)
