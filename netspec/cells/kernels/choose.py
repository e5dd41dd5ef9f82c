"""Which code runs a loop for the tensors at hand."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels import interpret
from netspec.cells.kernels.gpu import run as gpu


def run_loop(
    loop: Loop,
    tensors: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    steps: int,
    lengths: Tensor | None,
) -> None:
    """Fill the loop's buffers; shapes as in interpret.py."""
    everything = [*tensors.values(), *initial.values(), *weights.values()]
    if gpu.suits(everything):
        gpu.run_loop(loop, tensors, initial, weights, steps, lengths)
        return
    if all(x.device.type == "cpu" and x.dtype == torch.float32 for x in everything):
        from netspec.cells.kernels.cpu import run as cpu

        cpu.run_loop(loop, tensors, initial, weights, steps, lengths)
        return
    interpret.run_loop(loop, tensors, initial, weights, steps, lengths)
