"""A step evaluated with torch's own operations, one time step after the other: what every other path is held against.

Products that depend on the input alone are taken out of the loop and done for all steps at once, as is everything
element-wise above them; products of one operand are one matrix product.  Nothing else is clever here: any device, any
element type, autograd of any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from netspec.cells.ir.dag import Columns, Value
from netspec.cells.ir.schedule import Stretch, schedule_of
from netspec.cells.ir.step import CellStep
from netspec.cells.kernels.elementwise import elementwise

# T time, B batch, I input, O output
Values = dict[int, Any]  # index of a node -> its tensor, or its number
Instruction = tuple[str, tuple[int, ...], tuple[int, ...], Any]  # operation, results, operands, more


def plain(
    step: CellStep,
    x_TBI: Tensor,
    weights: Mapping[str, Tensor],
    initial: Sequence[Tensor],
    lengths: Tensor | None,
    reverse_time: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The outputs (T, B, O) and the states after the last real step, each (B, size).

    With `lengths` (B,), a state stands still at t >= length and the output is 0 there; what stands in the padding
    reaches no result and no gradient.
    """
    code = code_of(step)
    packed = [torch.cat([weights[s.weight][:, s.start : s.stop] for s in matrices]) for matrices in code.matrices]
    fixed: Values = dict(code.numbers)
    fixed |= {index: weights[name] for index, name in code.leaves}
    _evaluate(code.fixed, fixed, packed)
    steps = x_TBI.shape[0]
    real_TB1 = None
    if lengths is not None:
        real_TB1 = (torch.arange(steps, device=x_TBI.device)[:, None] < lengths[None, :])[..., None]
        x_TBI = filled(x_TBI, lengths, real_TB1)
    sequence: Values = {**fixed, code.input: x_TBI}
    _evaluate(code.sequence, sequence, packed)
    # One `unbind` has one backward step; indexing at each time would have T of the size of the whole.
    moving = {index: sequence[index].unbind(0) for index in code.moving}
    state, before = list(initial), list(initial)
    outputs: list[Tensor] = []
    for t in reversed(range(steps)) if reverse_time else range(steps):
        if real_TB1 is not None and not reverse_time:
            # A padded step repeats the last real one, so that its values and slopes are finite where those are.
            before = [torch.where(real_TB1[t], s, b) for s, b in zip(state, before, strict=True)]
            values: Values = {**fixed, **dict(zip(code.previous, before, strict=True))}
        else:
            values = {**fixed, **dict(zip(code.previous, state, strict=True))}
        for index, parts in moving.items():
            values[index] = parts[t]
        _evaluate(code.loop, values, packed)
        new = [values[index].to(s.dtype).expand_as(s) for index, s in zip(code.next, state, strict=True)]
        state = new if real_TB1 is None else [torch.where(real_TB1[t], n, s) for n, s in zip(new, state, strict=True)]
        if code.output_moves:
            outputs.append(values[code.output])
    if not code.output_moves:
        y_TBO = sequence[code.output].expand(*x_TBI.shape[:2], -1)
        if code.output in dict(code.leaves):  # the weight itself would change with an output that is changed in place
            y_TBO = y_TBO.clone()
    elif outputs:
        y_TBO = torch.stack(outputs[::-1] if reverse_time else outputs)
    else:
        y_TBO = x_TBI.new_zeros(0, x_TBI.shape[1], code.output_size)
    y_TBO = y_TBO.to(_dtype(x_TBI, weights))
    if real_TB1 is not None:
        y_TBO = torch.where(real_TB1, y_TBO, torch.zeros_like(y_TBO))
    return y_TBO, tuple(state)


def _dtype(x: Tensor, weights: Mapping[str, Tensor]) -> torch.dtype:
    """States and outputs have the type of the weights, which under autocast is wider than the input's."""
    return next((w.dtype for w in weights.values()), x.dtype)


def filled(x_TBI: Tensor, lengths: Tensor, real_TB1: Tensor) -> Tensor:
    """A sequence with its last real step in place of padding; without a real step, that of the longest sequence.

    So that values and slopes of padding are finite where those of real steps are: the gradient of what is masked away
    is 0 times a slope.
    """
    if not x_TBI.shape[1]:
        return x_TBI
    last = (lengths - 1).clamp(0, x_TBI.shape[0] - 1)
    row = x_TBI.detach()[last, torch.arange(x_TBI.shape[1], device=x_TBI.device)]
    # One value for all of them, 1 where no sequence has a step: 0 is where divisions and roots have no slope.
    longest = lengths.argmax().view(1)
    some = (lengths.index_select(0, longest) > 0)[:, None]
    other = torch.where(some, row.index_select(0, longest), torch.ones_like(row[:1]))
    row = torch.where((lengths > 0)[:, None], row, other)
    return torch.where(real_TB1, x_TBI, row)


@dataclass(frozen=True, eq=False)
class Code:
    """A step as instructions for three stretches: once, once for all steps, and at each step."""

    numbers: tuple[tuple[int, float], ...]
    leaves: tuple[tuple[int, str], ...]  # weights that are read element by element
    matrices: tuple[tuple[Columns, ...], ...]  # of each packed product, below each other
    fixed: tuple[Instruction, ...]
    sequence: tuple[Instruction, ...]
    loop: tuple[Instruction, ...]
    input: int
    previous: tuple[int, ...]
    moving: tuple[int, ...]  # values of all steps that the loop reads
    next: tuple[int, ...]
    output: int
    output_moves: bool
    output_size: Any


def code_of(step: CellStep) -> Code:
    """The instructions of a step, made once: `torch.compile` finds them with it (`direction.prepare`)."""
    return step.once(_code)


def _code(step: CellStep) -> Code:
    schedule = schedule_of(step)
    groups = {group.products[0]: group for group in schedule.groups()}
    packed = {product for group in groups.values() for product in group.products}
    stretches: tuple[list[Instruction], ...] = ([], [], [])
    matrices: list[tuple[Columns, ...]] = []
    virtual = len(step.dag.nodes)  # partial sums, which are no value of the graph
    moving: dict[int, None] = {}  # values of all steps that the loop reads
    for value, place in schedule.stretch.items():
        code = stretches[min(place, Stretch.LOOP)]  # what could wait until the loop is over is computed in it
        if value in groups:
            products = groups[value].products
            code.append(
                (
                    "product",
                    tuple(p.index for p in products),
                    _indices(value.args),
                    (len(matrices), tuple(p.size for p in products)),
                )
            )
            matrices.append(tuple(p.attr for p in products))
        reads = value.args
        early = tuple(a for a in value.args if not schedule.stateful(a))
        if value.op == "add" and schedule.stateful(value) and len(early) > 1:  # added up before the loop
            where = max(schedule.stretch[a] for a in early)
            stretches[where].append(("add", (virtual,), _indices(early), None))
            reads = tuple(a for a in value.args if schedule.stateful(a))
            code.append(("add", (value.index,), (virtual, *_indices(reads)), None))
            if where is Stretch.SEQUENCE:
                moving[virtual] = None
            virtual += 1
        elif value.args and value not in packed:
            code.append((value.op, (value.index,), _indices(value.args), None))
        if schedule.stateful(value):
            moving |= dict.fromkeys(a.index for a in reads if schedule.stretch[a] is Stretch.SEQUENCE)
    moving |= dict.fromkeys(v.index for v in step.next.values() if schedule.stretch[v] is Stretch.SEQUENCE)
    values = schedule.stretch
    previous = {v.attr: v.index for v in values if v.op == "previous"}
    unread = iter(range(-len(step.states), 0))  # a state that no equation reads
    return Code(
        numbers=tuple((v.index, v.attr) for v in values if v.op == "number"),
        leaves=tuple((v.index, v.attr) for v in values if v.op == "weight"),
        matrices=tuple(matrices),
        fixed=tuple(stretches[0]),
        sequence=tuple(stretches[1]),
        loop=tuple(stretches[2]),
        input=next((v.index for v in values if v.op == "input"), virtual),
        previous=tuple(previous[s] if s in previous else next(unread) for s in step.states),
        moving=tuple(moving),
        next=_indices(step.next.values()),
        output=step.output.index,
        output_moves=schedule.stateful(step.output),
        output_size=step.output.size,
    )


def _indices(values: Iterable[Value]) -> tuple[int, ...]:
    return tuple(value.index for value in values)


def _evaluate(code: Sequence[Instruction], values: Values, packed: Sequence[Tensor]) -> None:
    """Run instructions; results go into `values`."""
    for operation, results, operands, more in code:
        args = [values[i] for i in operands]
        if operation == "product":
            which, sizes = more
            y = functional.linear(args[0], packed[which])
            values.update(zip(results, torch.split(y, sizes, -1), strict=True))
        else:
            values[results[0]] = elementwise(operation, args)
