"""A loop run by Triton kernels (triton_source.py): on a GPU, or on the CPU by Triton's interpreter.

    no product in the loop      one launch a body for the whole sequence; a scan where a walk would leave the GPU idle
    products in the loop        at each step the products by cuBLAS, then one launch a body; on a GPU the launches of
                                some steps are recorded once as a CUDA graph (recorded.py)

All arithmetic is in float32 (float64 for such tensors) whatever type the buffers have.  Sums over rows and steps have
one order: two runs give the same bits.

# T time, B batch, n columns
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

import torch
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.gpu.recorded import run_recorded
from netspec.cells.kernels.gpu.steps import LoopRun, Steps
from netspec.cells.kernels.gpu.triton_launch import (
    SCAN,
    KernelLaunch,
    add_partials,
    has_products,
    kernels_of,
    launch,
    new_partials,
)
from netspec.cells.kernels.gpu.triton_module import has_triton, interpreted
from netspec.cells.kernels.gpu.triton_source import TritonKernel

BUSY = 128  # values of a step for each multiprocessor, from which on a walk is taken for busy enough; not measured
TYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def suits(tensors: Collection[Tensor]) -> bool:
    """Whether the kernels take tensors such as these."""
    on_gpu = all(x.device.type == "cuda" for x in tensors)
    if not (on_gpu and has_triton()) and not (interpreted() and all(x.device.type == "cpu" for x in tensors)):
        return False
    return all(x.dtype in TYPES for x in tensors)


def run_loop(
    loop: Loop,
    tensors: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    steps: int,
    lengths: Tensor | None,
) -> None:
    """Fill the loop's buffers; shapes and meaning as in interpret.py."""
    rows = next(iter(initial.values())).shape[0]
    if steps == 0 or rows == 0:
        return
    targets = tensors
    stored = {at.buffer for s in loop.stages for b in s.bodies for _, at in b.stores}
    tensors = {name: x if x.stride(-1) == 1 else x.contiguous() for name, x in tensors.items() if name in loop.buffers}
    initial = {name: x if x.stride(-1) == 1 else x.contiguous() for name, x in initial.items()}
    lengths = None if lengths is None else lengths.contiguous()
    sequence = LoopRun(loop, tensors, initial, weights, steps, rows, lengths)
    if not has_products(loop):
        _run_whole(sequence)
    elif not run_recorded(sequence):
        launches = Steps(sequence)
        launches.run()
        launches.add_up(sequence.tensors)
    for name in stored:
        if name in tensors and tensors[name] is not targets[name]:
            targets[name].copy_(tensors[name])


def _run_whole(sequence: LoopRun) -> None:
    kernels = kernels_of(sequence.loop)
    for walk, scan in zip(kernels.walks, kernels.scans, strict=True):
        some = next(iter(sequence.tensors.values()))
        taken = scan if scan is not None and prefers_scan(sequence, walk) else walk
        partial = new_partials(taken, sequence.rows, some, sequence.wide)
        slots = tuple(_slot(sequence, slot.buffer, slot.role) for slot in taken.slots)
        launch(
            kernels.module,
            KernelLaunch(taken, slots, sequence.lengths, partial, sequence.rows, sequence.steps, sequence.wide),
        )
        add_partials(taken, partial, sequence.tensors)


def _slot(sequence: LoopRun, buffer: str, role: str) -> tuple[Tensor, int, int]:
    if role == "vector":
        return sequence.tensors[buffer], 0, 0
    if role in ("initial", "row"):
        x = (sequence.initial if role == "initial" else sequence.tensors)[buffer]
        return x, 0, x.stride(0)
    x = sequence.tensors[buffer]
    return x, x.stride(0), x.stride(1)


def prefers_scan(sequence: LoopRun, kernel: TritonKernel) -> bool:
    """Whether rows and columns alone are too few for the GPU at hand, and the times enough."""
    device = next(iter(sequence.tensors.values())).device
    if device.type != "cuda":
        return False
    return sequence.steps >= SCAN["TILE_T"] and sequence.rows * kernel.size < BUSY * _multiprocessors(device)


@lru_cache(maxsize=16)
def _multiprocessors(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
