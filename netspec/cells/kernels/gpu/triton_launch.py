"""The kernels of a loop, made once, and how each is launched on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.gpu.triton_module import interpreted, load
from netspec.cells.kernels.gpu.triton_source import PRELUDE, TritonKernel, step_kernel
from netspec.cells.kernels.gpu.triton_time import scan_kernel, walk_kernel

# T time, B batch, n columns

COLUMNS = 64  # that one program has at most: two warps, a value a thread
ELEMENTS = 256  # of a tile of a step
SCAN = {"TILE_T": 128, "TILE_C": 16}
AHEAD = 4  # times that a walk loads ahead


@dataclass(frozen=True, eq=False)
class Kernels:
    """The functions of a loop; a loop with products has steps, one without has walks and, where it can, scans."""

    module: ModuleType
    steps: tuple[tuple[TritonKernel, ...], ...]  # of each stage
    walks: tuple[TritonKernel, ...]
    scans: tuple[TritonKernel | None, ...]  # one for each walk


def kernels_of(loop: Loop) -> Kernels:
    """Write and load them, once."""
    return _kernels_of(loop, interpreted())


@lru_cache(maxsize=256)
def _kernels_of(loop: Loop, interpreting: bool) -> Kernels:
    text = [PRELUDE]
    steps: list[tuple[TritonKernel, ...]] = []
    walks, scans = [], []
    products = has_products(loop)
    for i, stage in enumerate(loop.stages):
        here = []
        for j, body in enumerate(stage.bodies):
            if products:
                step, source = step_kernel(loop, body, f"step_{i}_{j}")
                here.append(step)
                text.append(source)
                continue
            walk, source = walk_kernel(loop, body, f"walk_{i}_{j}")
            scan = scan_kernel(loop, body, f"scan_{i}_{j}")
            walks.append(walk)
            scans.append(scan and scan[0])
            text += [source, scan[1] if scan else ""]
        steps.append(tuple(here))
    return Kernels(load("".join(text)), tuple(steps), tuple(walks), tuple(scans))


def has_products(loop: Loop) -> bool:
    return any(stage.gemms for stage in loop.stages)


@dataclass(frozen=True, eq=False)
class KernelLaunch:
    """What one kernel is launched with, each slot as (tensor, along, row stride), see `TritonKernel`."""

    kernel: TritonKernel
    slots: tuple[tuple[Tensor, int, int], ...]
    lengths: Tensor | None
    partial: Tensor | None  # (sums, programs along the rows, n)
    rows: int
    time: int  # of a step; of a walk and a scan, how many
    wide: bool  # float64


def launch(module: ModuleType, call: KernelLaunch) -> None:
    """Start one kernel."""
    import triton.language as tl

    kernel = call.kernel
    numbers = [along for _, along, _ in call.slots] + [row for _, _, row in call.slots]
    some = call.slots[0][0]
    tile, warps = tile_of(kernel, min(x.element_size() for x, _, _ in call.slots))
    rows = -(-call.rows // tile.get("TILE_R", 1))
    time = (call.time, call.rows) if kernel.form == "step" else (call.time,)
    with torch.cuda.device_of(some):  # type: ignore[no-untyped-call]  # torch's own
        getattr(module, kernel.name)[rows, -(-kernel.size // tile["TILE_C"])](
            *(tensor for tensor, _, _ in call.slots),
            *numbers,
            some if call.lengths is None else call.lengths,
            some if call.partial is None else call.partial,
            *time,
            RAGGED=call.lengths is not None,
            ACC=tl.float64 if call.wide else tl.float32,
            ALIGNED=all(number % 16 == 0 for number in numbers),
            **tile,
            num_warps=warps,
            enable_fp_fusion=True,
        )


def tile_of(kernel: TritonKernel, narrowest: int) -> tuple[dict[str, int], int]:
    """The tile of a kernel and its warps.  It follows from widths and types alone, never from a batch or a length."""
    columns = min(COLUMNS, 1 << (kernel.size - 1).bit_length())
    if kernel.form == "step":
        return {"TILE_R": _tile_rows(kernel.size), "TILE_C": columns}, 4
    if kernel.form == "scan":
        return SCAN, 4
    # Loading ahead goes by four bytes a thread at least.
    return {"TILE_C": columns * (2 if narrowest == 2 else 1), "AHEAD": AHEAD}, max(1, columns // 32)


def _tile_rows(size: int) -> int:
    return max(1, ELEMENTS // min(COLUMNS, 1 << (size - 1).bit_length()))


def new_partials(kernel: TritonKernel, rows: int, like: Tensor, wide: bool) -> Tensor | None:
    """Where a kernel leaves its sums, a row for each of its programs along the rows: added up in one order."""
    if not kernel.sums:
        return None
    programs = -(-rows // _tile_rows(kernel.size)) if kernel.form == "step" else rows
    dtype = torch.float64 if wide else torch.float32
    return torch.zeros(len(kernel.sums), programs, kernel.size, dtype=dtype, device=like.device)


def add_partials(kernel: TritonKernel, partial: Tensor | None, tensors: Mapping[str, Tensor]) -> None:
    """Add up the programs' sums."""
    if partial is not None:
        for at, total in zip(kernel.sums, partial.sum(1), strict=True):
            tensors[at.buffer][at.offset : at.offset + kernel.size] += total
