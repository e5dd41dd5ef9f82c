"""The compiled path: what stands before the loop over time, the loop as one operation for torch, and what stands after.

# T time, B batch, I input, O output
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from netspec.cells.ir.compiled import compiled_of
from netspec.cells.ir.step import CellStep
from netspec.cells.run.operation import recurrence
from netspec.cells.run.plain import filled
from netspec.cells.run.precision import autocast_type, cast
from netspec.cells.run.sequence import evaluate

States = tuple[Tensor, ...]


def fused(
    step: CellStep, x_TBI: Tensor, weights: Mapping[str, Tensor], initial: Sequence[Tensor], lengths: Tensor | None
) -> tuple[Tensor, States]:
    """Run a sequence forward in time; shapes as in direction.py.  The step has a loop (`compiled_of`)."""
    loop = compiled_of(step)
    assert loop is not None  # `run.direction` asks
    program = loop.program
    real = None
    if lengths is not None:
        real = (torch.arange(x_TBI.shape[0], device=x_TBI.device)[:, None] < lengths)[..., None]
        x_TBI = filled(x_TBI, lengths, real)
    before = dict(zip(step.states, initial, strict=True))
    widened = {n: w if w.dim() else w.expand(program.step.weights[n]) for n, w in weights.items()}  # type: ignore[arg-type]  # numbers
    delayed = {s: program.next[s] for s in program.delayed}
    wanted = [*program.operands, *delayed.values()]
    values = (
        evaluate(wanted, {}, x_TBI, widened, before, delayed)
        if any(n.op != "input" for n in wanted)
        else dict.fromkeys(wanted, x_TBI)
    )
    half = autocast_type(x_TBI.device)
    with torch.autocast(x_TBI.device.type, enabled=False) if half else nullcontext():
        out = recurrence(
            [cast(values[n], half) for n in program.operands],
            [w if w.dim() == 1 else cast(w, half) for w in (widened[n] for n in loop.weights)],
            [before[s] for s in program.states],
            lengths,
            loop.key,
        )
    exports = dict(zip(program.exports, out, strict=False))
    finals = dict(zip(program.states, out[len(exports) :], strict=False))
    for state, node in delayed.items():
        finals[state] = _last(values[node], lengths, before[state])
    y = exports.get(program.output)
    if y is None:
        if lengths is not None and real is not None:  # the loop gives 0 in padding
            exports = {n: filled(e, lengths, real) for n, e in exports.items()}
        y = evaluate([program.output], {**values, **exports}, x_TBI, widened, before, delayed)[program.output]
        y = y if real is None else torch.where(real, y, y.new_zeros(()))
    if half:  # the type that the plain path gives
        y = y.to(next((w.dtype for w in weights.values()), x_TBI.dtype))
    return y, tuple(finals[s] for s in step.states)


def _last(sequence: Tensor, lengths: Tensor | None, initial: Tensor) -> Tensor:
    if lengths is None:
        return sequence[-1]
    index = (lengths - 1).clamp(min=0).view(1, -1, 1).expand(1, -1, sequence.shape[2])
    return torch.where((lengths > 0)[:, None], sequence.gather(0, index).squeeze(0), initial)
