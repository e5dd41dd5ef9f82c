"""One layer in one direction over a sequence: which of the ways to compute it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from netspec.cells.ir.compiled import compiled_of
from netspec.cells.ir.step import CellStep
from netspec.cells.run.fused import fused
from netspec.cells.run.native import native
from netspec.cells.run.paths import path_of
from netspec.cells.run.plain import code_of, plain
from netspec.cells.run.plain_only import PLAIN_ONLY
from netspec.cells.run.reverse_time import turn

# T time, B batch, I input, O output


def prepare(step: CellStep) -> None:
    """Make what is derived from a step once, before `torch.compile` looks at a call."""
    code_of(step)
    compiled_of(step)
    for device in ("cpu", "cuda"):
        path_of(step, device, "float32")


def transformed() -> bool:
    """Whether a transform of torch.func (vmap, grad, jvp, …) or forward-mode differentiation is under way.

    Its tensors have no memory of their own for a kernel to read: ordinary operations are what torch transforms.
    """
    if torch.compiler.is_compiling():
        return False
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


def run(
    step: CellStep,
    x_TBI: Tensor,
    weights: Mapping[str, Tensor],
    initial: Sequence[Tensor],
    lengths: Tensor | None,
    reverse_time: bool,
    recompute: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The outputs (T, B, O) and the states after the last real step, each (B, size) in the order of the cell's.

    `initial` are the states before the first step.  `lengths` (B,): at t >= length a state stands still and the output
    is 0; the reverse direction begins at the last real step.  `recompute`: the backward pass computes activations again
    in place of keeping them.
    """
    if not all(x_TBI.shape[:2]):  # no step or no sequence: nothing for a loop
        return plain(step, x_TBI, weights, initial, lengths, reverse_time)
    compiling = torch.compiler.is_compiling()  # a compiler knows no context variables
    only = transformed() or (not compiling and PLAIN_ONLY.get())
    path = "plain" if only else path_of(step, x_TBI.device.type, str(x_TBI.dtype).removeprefix("torch."))
    # Packed by their lengths, ragged sequences cost torch a loop in Python on a CPU, and a compiler has no values to
    # pack by.
    if path == "native" and lengths is not None and (compiling or x_TBI.device.type == "cpu"):
        if x_TBI.dtype == torch.float32 and compiled_of(step) is not None:
            path = "compiled"
        elif compiling:
            path = "plain"
    if path == "native":
        return native(step, x_TBI, weights, tuple(initial), lengths, reverse_time)
    if path == "plain":
        return plain(step, x_TBI, weights, initial, lengths, reverse_time)
    turned = turn(x_TBI, lengths) if reverse_time else x_TBI
    if recompute and torch.is_grad_enabled():
        y, states = checkpoint(fused, step, turned, weights, initial, lengths, use_reentrant=False)
    else:
        y, states = fused(step, turned, weights, initial, lengths)
    return turn(y, lengths) if reverse_time else y, states
