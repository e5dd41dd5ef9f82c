"""One tensor of the new network from one of the old: rows and columns taken, repeated, divided.

A unit that stands c times in a sum has its weights divided by c (Net2WiderNet, Chen et al. 2016, arXiv:1511.05641);
what a layer multiplies its sums by is put right.  A unit of an input that the old network did not have has weights 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from netspec.layers.weight_axes import Taps, Units
from netspec.migrate.axes import Axes, Positions, copies, is_identity, leading
from netspec.migrate.correspondence import Made, UnitSpan


def value_of(made: Made, old: Tensor, new: Tensor, axes: Axes, noise: float = 0.0) -> Tensor:
    """The new tensor; `new` holds what it begins with, which stays where nothing of the old one is taken.

    `noise`: repeated units get normal numbers of this many standard deviations of the tensor added to what they take.
    """
    index: list[Positions] = []
    scale: list[np.ndarray] = []
    zero: list[bool] = []  # is 0 what stands where there is nothing of the old?
    for axis, along in enumerate(made.along):
        if along is None:
            positions, factors, zeroed = leading(old.shape[axis], new.shape[axis]), None, False
        elif isinstance(along[0], Taps):
            positions, factors, zeroed = _taps(*along), None, True
        else:
            positions, factors, zeroed = _runs(along, axes)
        index.append(positions)
        scale.append(np.ones(len(positions)) if factors is None else factors)
        zero.append(zeroed)
    if made.padding is None and all(
        is_identity(positions, size) and (factors == 1).all()
        for positions, factors, size in zip(index, scale, old.shape, strict=True)
    ):
        return old
    blocks = _blocks(made, axes)
    result = new.clone()
    source = old.to(new.dtype)
    if blocks is None:
        taken = source
        for axis, positions in enumerate(index):
            taken = taken.index_select(axis, torch.from_numpy(np.maximum(positions, 0)))
    else:
        taken = _grouped(source, index, blocks)
    for axis, factors in enumerate(scale):
        if not (factors == 1).all():
            shape = [-1 if i == axis else 1 for i in range(new.dim())]
            taken = (taken.double() * torch.from_numpy(factors).reshape(shape)).to(new.dtype)
    if noise and taken.is_floating_point():
        taken = taken + _noise(index, taken, noise)
    missing = torch.zeros(new.shape, dtype=torch.bool)
    nothing = torch.zeros(new.shape, dtype=torch.bool)
    for axis, positions in enumerate(index):
        shape = [-1 if i == axis else 1 for i in range(new.dim())]
        absent = torch.from_numpy(positions < 0).reshape(shape)
        missing |= absent
        nothing |= absent & zero[axis]
    result = torch.where(missing, result, taken)
    if made.padding is not None:
        result[made.padding] = new[made.padding]
    return torch.where(nothing, torch.zeros_like(result), result)


def _taps(old: Taps, new: Taps) -> Positions:
    offsets = {offset: tap for tap, offset in enumerate(old.offsets())}
    return np.array([offsets.get(offset, -1) for offset in new.offsets()], dtype=np.int64)


def _runs(spans: Sequence[UnitSpan], axes: Axes) -> tuple[Positions, np.ndarray, bool]:
    """Positions, what they are multiplied by, and whether what is not there is 0."""
    positions, factors, start = [], [], 0
    for span in spans:
        old, new = span.old, span.new
        units = axes.positions(span.axis)
        factor = np.ones(len(units))
        if new.summed:
            gain = old.gain / new.gain if old.size != new.size else 1.0  # other heads of one width are another function
            factor = gain / copies(units, new.blocks)
        if new.within:  # of one block: `_grouped` moves it to the others
            units = units[: new.size // new.blocks]
            factor = factor[: new.size // new.blocks]
            units = np.where(units < 0, -1, units % (old.size // old.blocks))
        rows = np.arange(new.rows) % old.rows
        run = units[:, None] * old.rows + rows
        positions.append(np.where(units[:, None] < 0, -1, run + start).reshape(-1))
        factors.append(np.repeat(factor, new.rows))
        start += old.length
    return np.concatenate(positions), np.concatenate(factors), any(span.new.summed for span in spans)


def _blocks(made: Made, axes: Axes) -> tuple[int, list[Positions], Units, Units] | None:
    """Where an axis has the units of one block of several alone: that axis, and the positions of each block in it."""
    for axis, along in enumerate(made.along):
        if along is None or isinstance(along[0], Taps):
            continue
        [span, *_] = along
        if isinstance(span, UnitSpan) and span.new.within and (span.old.blocks, span.new.blocks) != (1, 1):
            units = axes.positions(span.axis).reshape(span.new.blocks, -1)
            return axis, list(units), span.old, span.new
    return None


def _grouped(source: Tensor, index: Sequence[Positions], blocks: tuple[int, list[Positions], Units, Units]) -> Tensor:
    """Block by block: the other of the first two axes has the units of all blocks behind each other."""
    axis, units, old, new = blocks
    other = 1 - axis
    rows = index[other].reshape(new.blocks, -1)
    parts = []
    for mine, its in zip(rows, units, strict=True):
        part = source.index_select(other, torch.from_numpy(np.maximum(mine, 0)))
        inside = np.maximum(its, 0) % (old.size // old.blocks)
        part = part.index_select(axis, torch.from_numpy(inside))
        for i, positions in enumerate(index[2:], start=2):
            part = part.index_select(i, torch.from_numpy(np.maximum(positions, 0)))
        parts.append(part)
    return torch.cat(parts, other)


def _noise(index: Sequence[Positions], taken: Tensor, noise: float) -> Tensor:
    """Normal numbers at the second and later copies along an axis."""
    repeated = torch.zeros(taken.shape, dtype=torch.bool)
    for axis, positions in enumerate(index):
        _, first = np.unique(positions, return_index=True)
        again = np.ones(len(positions), dtype=bool)
        again[first] = False
        repeated |= torch.from_numpy(again).reshape([-1 if i == axis else 1 for i in range(taken.dim())])
    spread = taken.double().std().item() if taken.numel() > 1 else 0.0
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(taken.shape, generator=generator, dtype=taken.dtype) * (noise * spread)
    return torch.where(repeated, drawn, torch.zeros_like(drawn))
