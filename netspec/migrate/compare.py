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
from netspec.graph.cost import total
from netspec.graph.model import Graph
from netspec.migrate.axes import Axes
from netspec.migrate.correspondence import Correspondence

BATCH = 5  # masks and lengths have as many forms
LONG = (5, 64)  # steps
TRIALS = 2
WORK = 10**9  # multiply-adds of a sample in both networks, from which one sample has to do
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
            return f"no difference, {_samples(self.samples)} in float64"
        return f"largest difference {self.difference:.1e} of {self.scale:.1e}, {_samples(self.samples)} in float64"


def _samples(count: int) -> str:
    return "1 random input" if count == 1 else f"{count} random inputs"


@dataclass(frozen=True)
class ExpectedOutputs:
    """What the old network gives, and the inputs of the new one for which it should give the same."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def expected_outputs(walked: Correspondence, old: nn.Module) -> list[ExpectedOutputs]:
    """The old network run; it is left in float64.  Empty where one of its inputs or all of its outputs are gone."""
    before, after = walked.before, walked.after
    if not walked.outputs or {name for name, _ in walked.inputs.values()} != set(before.inputs):
        return []
    old.double().eval()
    generator = torch.Generator().manual_seed(0)
    high = min((n.layer.num_embeddings for n in after.layers() if hasattr(n.layer, "num_embeddings")), default=None)
    batch = BATCH if _work(before) + _work(after) < WORK else 1
    trials = []
    for size in _lengths(before, after):
        old_inputs = {name: _wide(x, high) for name, x in random_inputs(before, batch, size, generator).items()}
        new_inputs = {
            n: _grown(old_inputs[old], axes, walked.axes, generator) for n, (old, axes) in walked.inputs.items()
        }
        if new := after.inputs.keys() - new_inputs.keys():
            fresh = random_inputs(after, batch, _sizes(after, new_inputs), generator)
            new_inputs |= {name: _wide(fresh[name], high) for name in new}
        with torch.no_grad():
            trials.append(ExpectedOutputs(new_inputs, _named(before, old(**old_inputs))))
    return trials


def compare(walked: Correspondence, trials: Sequence[ExpectedOutputs], new: nn.Module) -> Comparison | None:
    """None where nothing can be compared.  The module is left in float64."""
    if not trials:
        return None
    new.double().eval()
    difference = scale = 0.0
    samples = 0
    for trial in trials:
        with torch.no_grad():
            now = _named(walked.after, new(**trial.inputs))
        for name, (old_name, axes) in walked.outputs.items():
            mine, its = _common(now[name].double(), trial.outputs[old_name].double(), axes, walked.axes)
            if mine.shape != its.shape:
                return None
            agree = (mine == its) | (mine.isnan() & its.isnan())
            gap = torch.where(agree, torch.zeros_like(mine), (mine - its).abs()).nan_to_num(float("inf"))
            difference = max(difference, gap.max().item())
            scale = max(scale, its.nan_to_num(0.0, 0.0, 0.0).abs().max().item())
        samples += len(next(iter(trial.outputs.values())))
    return Comparison(difference, scale, samples)


def _lengths(before: Graph, after: Graph) -> list[dict[str, int]]:
    """Sizes of the named axes at which layers show what they do: attention to one step alone is always the same."""
    allowed = [size for size in trial_sizes(before) if after.lengths.allows(size)]
    long = [size for size in allowed if all(LONG[0] <= length <= LONG[1] for length in size.values())]
    return (long or allowed[::-1])[:TRIALS]


def _sizes(graph: Graph, inputs: Mapping[str, Tensor]) -> dict[str, int]:
    """The named axes of a network, of which some inputs have a size already."""
    sizes = dict(next(iter(trial_sizes(graph)), {}))
    for name, tensor in inputs.items():
        for size, length in zip(graph.inputs[name].shape, tensor.shape, strict=True):
            if str(size) in sizes:
                sizes[str(size)] = length
    return sizes


def _work(graph: Graph) -> int:
    """Multiply-adds of one sample, as far as they are a number."""
    flops = total(graph).flops
    return flops if isinstance(flops, int) else 0


def _wide(x: Tensor, high: int | None) -> Tensor:
    """Numbers in float64, entries of tables that the new network has too; lengths, one a sample, as they are."""
    if x.is_floating_point():
        return x.double()
    return x if high is None or x.dim() < 2 or x.dtype == torch.bool else x.clamp(max=high - 1)


def _grown(x: Tensor, numbers: Sequence[int], axes: Axes, generator: torch.Generator) -> Tensor:
    """An input of the new network: the old one's values where it has them, random ones beyond."""
    for axis, number in enumerate(numbers, start=1):
        if not axes.numbered(number):
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
        if axes.numbered(number):
            positions = axes.positions(number)
            (shared,) = np.nonzero(positions >= 0)
            new = new.index_select(axis, torch.from_numpy(shared))
            old = old.index_select(axis, torch.from_numpy(positions[shared]))
    return new, old


def _named(graph: Graph, result: Any) -> Mapping[str, Tensor]:
    return result if isinstance(result, dict) else {next(iter(graph.outputs)): result}
