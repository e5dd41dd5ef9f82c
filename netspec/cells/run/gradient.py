"""The backward pass over a sequence: the loop, then the gradients of weights and operands for all steps at once.

# T time, B batch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.cells.ir.compiled import Compiled, compiled
from netspec.cells.ir.dag import Value, width_of
from netspec.cells.ir.loop import At
from netspec.cells.ir.schedule import ProductGroup
from netspec.cells.kernels.choose import run_loop
from netspec.cells.run.gemm import gradient_of_input, gradient_of_weight
from netspec.cells.run.precision import buffer_type
from netspec.cells.run.recurrence import pack

Needs = Sequence[bool]  # of each operand: does anything need its gradient?


def backward(
    gradients: Sequence[Tensor],
    kept: Sequence[Tensor],
    operands: Sequence[Tensor],
    weights: Sequence[Tensor],
    initial: Sequence[Tensor],
    lengths: Tensor | None,
    program: str,
    needs: Needs,
) -> list[Tensor]:
    """The gradients of operands, weights and initial states, from those of exports and final states."""
    loops = compiled(program)
    plan, loop = loops.program, loops.training.loop
    named = dict(zip(loops.weights, weights, strict=True))
    T, B = operands[0].shape[0], initial[0].shape[0]
    tensors = {f"operand:{k}": x for k, x in enumerate(operands)}
    tensors |= dict(zip(loops.kept_in_order, kept, strict=True))
    tensors |= {f"vector:{n}": named[n].contiguous() for n in plan.vectors}
    count = len(plan.exports)
    tensors |= {f"gradient:{k}": g for k, g in enumerate(gradients[:count])}
    carries = dict(zip(plan.states, gradients[count:], strict=True))
    for buffer in loop.of("sequence", "carry"):
        dtype = buffer_type(loop, buffer, operands[0].dtype)
        if buffer.kind == "carry":
            final_gradient = carries[buffer.name.removeprefix("carry:")]
            tensors[buffer.name] = final_gradient.to(dtype).clone(memory_format=torch.contiguous_format)
        elif buffer.name not in tensors:
            tensors[buffer.name] = initial[0].new_empty(T, B, buffer.width, dtype=dtype)
    sums = loop.of("sum")
    if sums:
        parts = initial[0].new_zeros(sum(b.width for b in sums), dtype=buffer_type(loop, sums[0], operands[0].dtype))
        tensors |= dict(zip([b.name for b in sums], torch.split(parts, [b.width for b in sums]), strict=True))
    starts = {f"state:{s}": x.contiguous() for s, x in zip(plan.states, initial, strict=True)}
    packed = {f"backward:{k}": pack(g, named) for k, g in enumerate(plan.loop_groups)}
    run_loop(loop, tensors, starts, packed, T, lengths)
    after = _After(loops, tensors, starts, named)
    inputs = [
        after.operand_gradient(node, x) if needed else x.new_empty(0)
        for node, x, needed in zip(plan.operands, operands, needs, strict=True)
    ]
    carries = {s: tensors[f"carry:{s}"].to(x.dtype) for s, x in zip(plan.states, initial, strict=True)}
    return [*inputs, *after.weight_gradients(operands), *carries.values()]


class _After:
    """The products that were put off until the loop was over, each for all steps at once."""

    def __init__(
        self,
        loops: Compiled,
        tensors: Mapping[str, Tensor],
        starts: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
    ) -> None:
        self.loops, self.tensors, self.starts, self.weights = loops, tensors, starts, weights
        self.program = loops.program

    def columns(self, group: ProductGroup) -> Tensor:
        """(T·B, width): the adjoints of a group's products."""
        runs = self.loops.training.columns_of(group)
        columns = [self.tensors[at.buffer][..., at.offset : at.offset + width] for at, width in runs]
        return (columns[0] if len(columns) == 1 else torch.cat(columns, dim=-1)).flatten(0, 1)

    def pairs(self, group: ProductGroup) -> list[tuple[Tensor, Tensor]]:
        """Adjoints and operands of a loop product, rows that belong together at one place."""
        columns = self.columns(group)
        at: At = self.loops.training.forward.kept[group.operand]
        values = self.tensors[at.buffer][..., at.offset : at.offset + group.depth].to(columns.dtype)
        if not at.before:
            return [(columns, values.flatten(0, 1))]
        B = values.shape[1]
        return [(columns[:B], self.starts[at.buffer].to(columns.dtype)), (columns[B:], values[:-1].flatten(0, 1))]

    def weight_gradients(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """In the order of `Compiled.weights`."""
        pieces: dict[str, list[tuple[int, Tensor]]] = {name: [] for name in self.weights}
        for group in self.program.sequence_groups:
            x = operands[self.program.operands.index(group.operand)].flatten(0, 1)
            self._share_out(group, [(self.columns(group), x)], pieces)
        for group in self.program.loop_groups:
            self._share_out(group, self.pairs(group), pieces)
        vectors = set(self.program.vectors)
        return [
            _whole(w, pieces[n], self.tensors[f"sum:{n}"] if n in vectors else None) for n, w in self.weights.items()
        ]

    def _share_out(self, group: ProductGroup, pairs: list[tuple[Tensor, Tensor]], pieces: dict[str, Any]) -> None:
        products = [gradient_of_weight(g, x) for g, x in pairs if len(g)]
        total = products[0] if len(products) == 1 else products[0] + products[1]
        for product in group.products:
            begin = group.offsets[product]
            pieces[product.attr.weight].append((product.attr.start, total[begin : begin + width_of(product)]))

    def operand_gradient(self, node: Value, x: Tensor) -> Tensor:
        total = None
        for group in self.program.sequence_groups:
            if group.operand is node:
                total = gradient_of_input(self.columns(group), pack(group, self.weights)).view(x.shape)
        at = self.loops.training.operands.get(node)
        if at is not None:
            in_loop = self.tensors[at.buffer]
            total = in_loop if total is None else total.add_(in_loop)
        return torch.zeros_like(x) if total is None else total


def _whole(weight: Tensor, pieces: list[tuple[int, Tensor]], summed: Tensor | None) -> Tensor:
    """The gradient of a weight from those of its columns, and of a vector from what the loop added up."""
    pieces = sorted(pieces, key=lambda piece: piece[0])
    ends = [0, *(start + part.shape[1] for start, part in pieces)]
    if pieces and summed is None and ends == [*(start for start, _ in pieces), weight.shape[1]]:
        return torch.cat([part for _, part in pieces], dim=1)  # every column once
    total = torch.zeros_like(weight, memory_format=torch.contiguous_format)
    for start, part in pieces:
        total[:, start : start + part.shape[1]] += part
    return total if summed is None else summed.to(weight.dtype)
