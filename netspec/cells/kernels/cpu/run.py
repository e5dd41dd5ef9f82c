"""A loop run as machine code on torch's threads.

# T time, B batch
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.cpu.compile import kernel_of
from netspec.cells.kernels.cpu.team import team

WORTH_A_TEAM = 1 << 15  # floats: below, waking the other threads takes longer than the work


def run_loop(
    loop: Loop,
    tensors: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    steps: int,
    lengths: Tensor | None,
) -> None:
    """Fill the loop's buffers, as interpret.run_loop does; float32 on the CPU."""
    kernel = kernel_of(loop, lengths is not None)
    some = next(iter(initial.values()))
    B = some.shape[0]
    if not B or not steps:
        return
    alive: list[Tensor] = []  # alive until the kernel has run
    workers = min(torch.get_num_threads(), B)
    if workers > 1 and (team() is None or B * steps * sum(b.width for b in loop.buffers.values()) < WORTH_A_TEAM):
        workers = 1
    words: dict[tuple[str, str], int] = {("", "rows"): B, ("", "steps"): steps}
    sums = loop.of("sum")
    # Every worker adds up its own rows.
    shares = some.new_zeros(workers, sum(b.width for b in sums)) if workers > 1 and sums else None
    at = 0
    for buffer in loop.buffers.values():
        name = buffer.name
        if buffer.kind == "scratch":
            tensor = some.new_empty(B, -(-buffer.width // kernel.panel) * kernel.panel)
        elif buffer.kind == "sum" and shares is not None:
            tensor = shares[:, at:]
            at += buffer.width
        else:
            tensor = tensors[name]
            if tensor.stride(-1) != 1 and buffer.width > 1:
                tensor = tensor.contiguous()
        alive.append(tensor)
        words[name, "data"] = tensor.data_ptr()
        if buffer.kind in ("sequence", "state"):
            words[name, "step"], words[name, "row"] = tensor.stride(0), tensor.stride(1)
        elif buffer.kind in ("carry", "scratch"):
            words[name, "row"] = tensor.stride(0)
        elif buffer.kind == "sum" and shares is not None:
            words[name, "worker"] = shares.stride(0)
        if buffer.kind == "state":
            words[name, "initial"], words[name, "initial_row"] = initial[name].data_ptr(), initial[name].stride(0)
    if lengths is not None:
        alive.append(lengths.to(torch.int64).contiguous())
        words["", "lengths"] = alive[-1].data_ptr()
    for name in kernel.weights:
        alive.append(packed(loop, name, weights[name], kernel.panel))
        words[name, "packed"] = alive[-1].data_ptr()
    kernel.run(words, workers)
    if shares is not None:
        for buffer, total in zip(sums, torch.split(shares.sum(0), [b.width for b in sums]), strict=True):
            tensors[buffer.name].add_(total)


def packed(loop: Loop, name: str, matrix: Tensor, panel: int) -> Tensor:
    """A (depth, width) matrix as the product kernel reads it; a source of the product at a time."""
    gemm = next(g for s in loop.stages for g in s.gemms if g.weight == name)
    panels = -(-gemm.width // panel)
    if gemm.width % panel:
        matrix = torch.nn.functional.pad(matrix, (0, panels * panel - gemm.width))
    parts = []
    begin = 0
    for _, depth in gemm.sources:
        parts.append(matrix[begin : begin + depth].reshape(depth, panels, panel).transpose(0, 1).reshape(-1))
        begin += depth
    return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()  # of depth 1 it may still be a view
