"""A loop with products on a GPU: at each step the products by torch, then one kernel for each body.

Half precision: a product takes and gives the half type and adds up in float32, as cuBLAS does; what else lives within a
step is float32; what passes from step to step has the type of its buffer (precision.py).

# K steps at once, B batch, n columns
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from netspec.cells.ir.loop import At, Gemm, Loop
from netspec.cells.kernels.gpu.triton_launch import (
    KernelLaunch,
    Kernels,
    add_partials,
    kernels_of,
    launch,
    new_partials,
)
from netspec.cells.kernels.gpu.triton_source import KernelPointer, TritonKernel


@dataclass(frozen=True, eq=False)
class LoopRun:
    """A loop with all that it runs on, as `run_loop` was given it; last axes without gaps."""

    loop: Loop
    tensors: Mapping[str, Tensor]
    initial: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    steps: int
    rows: int
    lengths: Tensor | None

    @cached_property
    def wide(self) -> bool:
        return any(x.dtype == torch.float64 for x in self.tensors.values())

    @property
    def times(self) -> Iterable[int]:
        return reversed(range(self.steps)) if self.loop.backward else range(self.steps)


class Steps:
    """Launches for the steps of a sequence, on its tensors and some of its own."""

    def __init__(self, sequence: LoopRun) -> None:
        self.sequence, self.loop = sequence, sequence.loop
        self.kernels: Kernels = kernels_of(self.loop)
        # In the buffer's own type, so that a kernel sees one type before the first step and after it.
        self.initial = {
            name: x.to(sequence.tensors[name].dtype) for name, x in sequence.initial.items() if name in sequence.tensors
        }
        like = next(iter(sequence.tensors.values()))
        multiplied = {at.buffer for g in self.gemms() for at in (g.target, *(at for at, _ in g.sources))}
        low = next(iter(sequence.weights.values())).dtype
        high = torch.float64 if sequence.wide else torch.float32
        self.scratch = {
            b.name: torch.zeros(sequence.rows, b.width, dtype=low if b.name in multiplied else high, device=like.device)
            for b in self.loop.of("scratch")
        }
        self.partials = {
            kernel: new_partials(kernel, sequence.rows, like, sequence.wide)
            for stage in self.kernels.steps
            for kernel in stage
        }

    def gemms(self) -> list[Gemm]:
        return [g for stage in self.loop.stages for g in stage.gemms]

    def run(self) -> None:
        for t in self.sequence.times:
            for stage, kernels in zip(self.loop.stages, self.kernels.steps, strict=True):
                for gemm in stage.gemms:
                    self.multiply(gemm, t)
                for kernel in kernels:
                    self.launch(kernel, t)

    def add_up(self, tensors: Mapping[str, Tensor]) -> None:
        """Put the sums of all steps where they belong."""
        for kernel, partial in self.partials.items():
            add_partials(kernel, partial, tensors)

    def multiply(self, gemm: Gemm, t: int) -> None:
        weight = self.sequence.weights[gemm.weight]
        target = self.rows(gemm.target, t)[:, gemm.target.offset : gemm.target.offset + gemm.width]
        begin = 0
        for at, depth in gemm.sources:
            source = self.rows(at, t)[:, at.offset : at.offset + depth].to(weight.dtype)
            part = weight[begin : begin + depth]
            if begin == 0:
                torch.mm(source, part, out=target)
            else:
                target.addmm_(source, part)
            begin += depth

    def rows(self, at: At, t: int) -> Tensor:
        """The (B, n) of a buffer at a time."""
        kind = self.loop.buffers[at.buffer].kind
        if kind == "scratch":
            return self.scratch[at.buffer]
        if kind == "carry":
            return self.sequence.tensors[at.buffer]
        if at.before:
            return self.initial[at.buffer] if t == 0 else self.sequence.tensors[at.buffer][t - 1]
        return self.sequence.tensors[at.buffer][t]

    def launch(self, kernel: TritonKernel, t: int) -> None:
        sequence = self.sequence
        slots = tuple(self.slot(slot, t) for slot in kernel.slots)
        launch(
            self.kernels.module,
            KernelLaunch(kernel, slots, sequence.lengths, self.partials[kernel], sequence.rows, t, sequence.wide),
        )

    def slot(self, slot: KernelPointer, t: int) -> tuple[Tensor, int, int]:
        """(tensor, where the row of this time begins, row stride)."""
        if slot.role == "vector":
            return self.sequence.tensors[slot.buffer], 0, 0
        if slot.role == "row":
            x = self.rows(At(slot.buffer), t)
            return x, 0, x.stride(0)
        if slot.role == "before":
            if t == 0:
                x = self.initial[slot.buffer]
                return x, 0, x.stride(0)
            t -= 1
        x = self.sequence.tensors[slot.buffer]
        return x, t * x.stride(0), x.stride(1)
