"""Both networks run on the same random inputs, in float64 at inference: does the new one compute what the old one did?

Where the new network has more of an input or an output (channels, classes), the old part of it is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netspec.backends.parity.inputs import random_inputs
from netspec.backends.parity.trials import trial_sizes
from netspec.graph.model import Graph
from netspec.migrate.axes import Axes
from netspec.migrate.correspond import Correspondence

BATCH = 3
TRIALS = 2
TOLERANCE = 1e-5  # of the largest value: weights are float32, and a third of one is rounded


@dataclass(frozen=True)
class Comparison:
    """The largest difference of the outputs that both have, and their largest value."""

    difference: float
    scale: float
    samples: int

    @property
    def agrees(self) -> bool:
        return self.difference <= TOLERANCE * self.scale

    def text(self) -> str:
        if self.difference == 0:
            return f"no difference, {self.samples} random inputs in float64"
        return f"largest difference {self.difference:.1e} of {self.scale:.1e}, {self.samples} random inputs in float64"


def compare(walked: Correspondence, old: nn.Module, new: nn.Module) -> Comparison | None:
    """None where an input of the old network or all of its outputs are gone.  Both modules are left in float64."""
    before, after = walked.before, walked.after
    if not walked.outputs or {name for name, _ in walked.inputs.values()} != set(before.inputs):
        return None
    old.double().eval()
    new.double().eval()
    generator = torch.Generator().manual_seed(0)
    high = min((n.layer.num_embeddings for n in after.layers() if hasattr(n.layer, "num_embeddings")), default=None)
    difference = scale = 0.0
    sizes = trial_sizes(before)[:TRIALS]
    for size in sizes:
        given = {name: _wide(x, high) for name, x in random_inputs(before, BATCH, size, generator).items()}
        fresh = random_inputs(after, BATCH, size, generator)
        grown = {
            name: _grown(given[walked.inputs[name][0]], walked.inputs[name][1], walked.axes, generator)
            if name in walked.inputs
            else _wide(fresh[name], high)
            for name in after.inputs
        }
        with torch.no_grad():
            was, now = _named(before, old(**given)), _named(after, new(**grown))
        for name, (old_name, axes) in walked.outputs.items():
            mine, its = _common(now[name].double(), was[old_name].double(), axes, walked.axes)
            if mine.shape != its.shape:
                return None
            agree = (mine == its) | (mine.isnan() & its.isnan())
            gap = torch.where(agree, torch.zeros_like(mine), (mine - its).abs()).nan_to_num(float("inf"))
            difference = max(difference, gap.max().item())
            scale = max(scale, its.nan_to_num(0.0, 0.0, 0.0).abs().max().item())
    return Comparison(difference, scale, BATCH * len(sizes))


def _wide(x: Tensor, high: int | None) -> Tensor:
    """Numbers in float64, entries of tables that the new network has too; lengths, one a sample, as they are."""
    if x.is_floating_point():
        return x.double()
    return x if high is None or x.dim() < 2 or x.dtype == torch.bool else x.clamp(max=high - 1)


def _grown(x: Tensor, numbers: Sequence[int], axes: Axes, generator: torch.Generator) -> Tensor:
    """An input of the new network: the old one's values where it has them, random ones beyond."""
    for axis, number in enumerate(numbers, start=1):
        if not isinstance(axes[number].new, int):
            continue
        positions = axes.positions(number)
        taken = x.index_select(axis, torch.from_numpy(np.maximum(positions, 0)))
        drawn = torch.randn(taken.shape, generator=generator) if x.is_floating_point() else torch.zeros(taken.shape)
        absent = torch.from_numpy(positions < 0).reshape([-1 if i == axis else 1 for i in range(x.dim())])
        x = torch.where(absent, drawn.to(x.dtype), taken)
    return x


def _common(new: Tensor, old: Tensor, numbers: Sequence[int], axes: Axes) -> tuple[Tensor, Tensor]:
    """What both outputs have."""
    for axis, number in enumerate(numbers, start=1):
        if isinstance(axes[number].new, int):
            positions = axes.positions(number)
            (here,) = np.nonzero(positions >= 0)
            new = new.index_select(axis, torch.from_numpy(here))
            old = old.index_select(axis, torch.from_numpy(positions[here]))
    return new, old


def _named(graph: Graph, result: Any) -> Mapping[str, Tensor]:
    return result if isinstance(result, dict) else {next(iter(graph.outputs)): result}
