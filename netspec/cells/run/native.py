"""A cell that is torch's LSTM, GRU or RNN, run by torch's own kernels (oneDNN on the CPU, cuDNN on a GPU).

The weights keep the names and the shapes of the cell; they are packed for every call, which is cheap beside the call
and leaves the gradient to autograd.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.match import match
from netspec.cells.recognise.operator import Native
from netspec.cells.recognise.pack import biases, matrices
from netspec.cells.run.reverse_time import turn

if TYPE_CHECKING:
    from torch import Tensor

# T time, B batch, I input, H hidden

States = tuple["Tensor", ...]


def native(
    step: CellStep,
    x_TBI: Tensor,
    weights: Mapping[str, Tensor],
    initial: States,
    lengths: Tensor | None = None,
    reverse_time: bool = False,
) -> tuple[Tensor, States]:
    """(T, B, H) outputs and the final states, each (B, H), in the order of the cell's states; see direction.py.

    Differentiable in the input, the weights and the initial states.  Padding is never read.
    """
    cell = match(step).torch
    assert cell is not None  # direction.py comes here for such cells alone
    if x_TBI.is_cuda:
        _quiet()
    packed = _packed(cell, weights)
    h0 = tuple(initial[list(step.states).index(name)].unsqueeze(0) for name in cell.states)
    if lengths is None:
        y, last = _dense(cell, x_TBI.flip(0) if reverse_time else x_TBI, h0, packed)
        y = y.flip(0) if reverse_time else y
    else:
        y, last = _ragged(cell, x_TBI, h0, packed, lengths, reverse_time)
    by_name = dict(zip(cell.states, last, strict=True))
    return y, tuple(by_name[name].squeeze(0) for name in step.states)


def _packed(cell: Native, weights: Mapping[str, Tensor]) -> list[Tensor]:
    import torch

    order = cell.operator.torch_order
    return [*matrices(cell, order, weights, torch), *(biases(cell, order, weights, torch) if cell.biased else ())]


@cache
def _quiet() -> None:
    """cuDNN copies weights that are not one buffer, and warns of it: here they are packed anew at each call."""
    warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


def _dense(cell: Native, x_TBI: Tensor, h0: States, packed: list[Tensor]) -> tuple[Tensor, States]:
    import torch

    call = getattr(torch._VF, cell.operator.torch_function(cell))  # what nn.LSTM itself calls
    y, *last = call(
        x_TBI, h0 if len(h0) > 1 else h0[0], packed, cell.biased, 1, 0.0, torch.is_grad_enabled(), False, False
    )
    return y, tuple(last)


def _ragged(
    cell: Native, x_TBI: Tensor, h0: States, packed: list[Tensor], lengths: Tensor, reverse_time: bool
) -> tuple[Tensor, States]:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    steps = x_TBI.shape[0]
    empty = lengths == 0  # packed sequences have one step at least
    some_empty = bool(empty.any())
    if some_empty:
        x_TBI = torch.where(empty[:, None], 0.0, x_TBI)
    if reverse_time:
        x_TBI = turn(x_TBI, lengths)
    sequence = pack_padded_sequence(x_TBI, lengths.clamp(min=1).cpu(), enforce_sorted=False)
    rows, back = sequence.sorted_indices, sequence.unsorted_indices
    assert rows is not None and back is not None  # given when the order is not enforced
    start = tuple(h.index_select(1, rows) for h in h0)
    call = getattr(torch._VF, cell.operator.torch_function(cell))
    data, *last = call(
        sequence.data,
        sequence.batch_sizes,
        start if len(start) > 1 else start[0],
        packed,
        cell.biased,
        1,
        0.0,
        torch.is_grad_enabled(),
        False,
    )
    y, _ = pad_packed_sequence(sequence._replace(data=data), total_length=steps)
    if reverse_time:
        y = turn(y, lengths)
    final = tuple(h.index_select(1, back) for h in last)
    if some_empty:
        y = torch.where(empty[:, None], 0.0, y)
        final = tuple(torch.where(empty[:, None], before, after) for before, after in zip(h0, final, strict=True))
    return y, final
