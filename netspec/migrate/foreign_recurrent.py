"""torch's packed gates as the weights of a cell that is the same operator: the inverse of `cells.recognise.pack`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from netspec.cells.ir.stack import CellStack
from netspec.cells.recognise.match import match
from netspec.cells.recognise.operator import Gate, Native, WeightSlice
from netspec.cells.recognise.pack import biases, matrices

# H hidden, I input, G gates

CLOSE = 1e-6  # sums of two biases are rounded


def unpacked(stack: CellStack, tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The cell's weights of every row of the stack; None where the tensors are not of such a layer."""
    made: dict[str, Tensor] = {}
    left = set(tensors)
    for row in range(stack.rows):
        native = match(stack.step(row)).torch
        suffix = stack.suffix(row)
        if native is None:
            return None
        rows = native.hidden * len(native.operator.torch_order)
        shapes = {"weight_ih": (rows, native.input), "weight_hh": (rows, native.hidden)}
        gates = {
            key: tensors[f"{key}{suffix}"] for key in (*shapes, "bias_ih", "bias_hh") if f"{key}{suffix}" in tensors
        }
        left -= {f"{key}{suffix}" for key in gates}
        if any(key not in gates or tuple(gates[key].shape) != shape for key, shape in shapes.items()):
            return None
        weights = _of_row(native, gates)
        if weights is None:
            return None
        made |= {stack.names(row)[name]: value for name, value in weights.items()}
    return made if not left and made.keys() == stack.weights.keys() else None


def _of_row(native: Native, gates: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The weights of one step; None where the packed ones cannot be had from any."""
    sizes = {part.weight: (native.hidden, 0) for gate in native.gates.values() for part in _all_slices(gate)}
    for gate in native.gates.values():
        for part in (*gate.input, *gate.state):
            sizes[part.weight] = (native.hidden, max(sizes[part.weight][1], part.stop or 0))
    weights = {name: torch.zeros((h, w) if w else (h,)) for name, (h, w) in sizes.items()}
    order = native.operator.torch_order
    blocks = {key: torch.split(value.float(), native.hidden) for key, value in gates.items()}
    for i, letter in enumerate(order):
        gate = native.gates[letter]
        _put(weights, gate.input, blocks["weight_ih"][i])
        _put(weights, gate.state, blocks["weight_hh"][i])
        if "bias_ih" in blocks:
            own, state = blocks["bias_ih"][i], blocks["bias_hh"][i]
            if gate.state_bias:
                _put(weights, gate.state_bias, state - gate.state_constant)
                state = torch.zeros_like(state)
            _put(weights, gate.bias, own + state - gate.constant)
    zero = torch.zeros(native.hidden * len(order))
    packed = (*matrices(native, order, weights, torch), *biases(native, order, weights, torch))
    wanted = (gates["weight_ih"], gates["weight_hh"], gates.get("bias_ih", zero), gates.get("bias_hh", zero))
    return weights if _alike(native, packed, wanted) else None


def _alike(native: Native, packed: Sequence[Tensor], wanted: Sequence[Tensor]) -> bool:
    """Whether both compute the same: of the two biases of a gate the sum counts, but where one is within r·(…)."""
    rows = [[torch.split(tensor.float(), native.hidden) for tensor in side] for side in (packed, wanted)]
    for i, letter in enumerate(native.operator.torch_order):
        (*mine, own, inner), (*its, its_own, its_inner) = ([tensor[i] for tensor in side] for side in rows)
        if native.gates[letter].state_bias:
            pairs = [(own, its_own), (inner, its_inner)]
        else:
            pairs = [(own + inner, its_own + its_inner)]
        if not all(torch.allclose(a, b, atol=CLOSE) for a, b in [*zip(mine, its, strict=True), *pairs]):
            return False
    return True


def _all_slices(gate: Gate) -> tuple[WeightSlice, ...]:
    return (*gate.input, *gate.state, *gate.bias, *gate.state_bias, *gate.peephole)


def _put(weights: Mapping[str, Tensor], parts: Sequence[WeightSlice], value: Tensor) -> None:
    """Give a sum to its first part."""
    for part in parts[:1]:
        weight = weights[part.weight]
        if part.start is None:
            weight.copy_(value / part.factor)
        else:
            weight[:, part.start : part.stop] = value / part.factor
