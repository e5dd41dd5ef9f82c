"""The forward pass over a sequence: products before the loop, and the loop.

# T time, B batch
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netspec.cells.ir.compiled import compiled
from netspec.cells.ir.schedule import ProductGroup
from netspec.cells.kernels.choose import run_loop
from netspec.cells.run.gemm import linear
from netspec.cells.run.precision import buffer_type


def forward(
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    training: bool,
) -> list[Tensor]:
    """Run a program.

    `operands` (T, B, n) are the program's operands, `weights` those of `Compiled.weights`, `initial` (B, n) the states
    of the loop before the first step, each in order.
    """
    loops = compiled(program)
    plan, loop = loops.program, (loops.training.forward if training else loops.inference).loop
    named = dict(zip(loops.weights, weights, strict=True))
    T, B = operands[0].shape[0], initial[0].shape[0]
    tensors = {f"operand:{k}": x for k, x in enumerate(operands)}
    for k, group in enumerate(plan.sequence_groups):
        x = operands[plan.operands.index(group.operand)]
        tensors[f"pre:{k}"] = linear(x.reshape(T * B, -1), pack(group, named)).view(T, B, -1)
    tensors |= {f"vector:{n}": named[n].contiguous() for n in plan.vectors}
    for buffer in loop.of("sequence", "state"):
        if buffer.name not in tensors:
            dtype = buffer_type(loop, buffer, operands[0].dtype)
            tensors[buffer.name] = initial[0].new_empty(T, B, buffer.width, dtype=dtype)
    packed = {f"loop:{k}": pack(g, named).t() for k, g in enumerate(plan.loop_groups)}
    starts = {f"state:{s}": x.contiguous() for s, x in zip(plan.states, initial, strict=True)}
    run_loop(loop, tensors, starts, packed, T, lengths)
    names = loops.buffers(training, lengths is not None)
    exports = [tensors[name].to(operands[0].dtype) for name in names.exports]
    if lengths is not None:  # a state stands still in padding; an output is 0 there
        real = (torch.arange(T, device=lengths.device)[:, None] < lengths)[..., None]
        exports = [torch.where(real, y, y.new_zeros(())) for y in exports]
    finals = [tensors[f"state:{s}"][-1].to(x.dtype, copy=True) for s, x in zip(plan.states, initial, strict=True)]
    return [*exports, *finals, *(tensors[name] for name in names.kept)]


def outputs(operands: list[Tensor], initial: list[Tensor], program: str, training: bool, ragged: bool) -> list[Tensor]:
    """Empty tensors like those that `forward` gives."""
    loops = compiled(program)
    loop = (loops.training.forward if training else loops.inference).loop
    some, names = operands[0], loops.buffers(training, ragged)
    T, B = some.shape[0], initial[0].shape[0]
    exports = [some.new_empty(T, B, loop.buffers[name].width) for name in names.exports]
    finals = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in initial]
    saved = [
        some.new_empty(T, B, b.width, dtype=buffer_type(loop, b, some.dtype))
        for b in (loop.buffers[name] for name in names.kept)
    ]
    return [*exports, *finals, *saved]


def pack(group: ProductGroup, weights: Mapping[str, Tensor]) -> Tensor:
    """(width, depth): the matrices of a group's products below each other."""
    parts = [weights[p.attr.weight][:, p.attr.start : p.attr.stop] for p in group.products]
    return torch.cat(parts) if len(parts) > 1 else parts[0]
