"""Two texts, weights for the first, and what becomes of them in the second."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

import netspec
from netspec.graph.model import Graph
from netspec.migrate.migration import Migration, migrate
from netspec.review.match.networks import match


def lived(graph: Graph, seed: int = 1) -> dict[str, Tensor]:
    """Weights as a training leaves them: no bias 0, no running mean 0, no variance 1."""
    state: dict[str, Tensor] = netspec.to_torch(graph, seed).state_dict()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in state.items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.5 + noise)
            else:
                tensor += (0.4 if tensor.dim() == 1 else 0.02) * (noise - 0.5)
    return state


def migrated(before: str, after: str, noise: float = 0.0) -> Migration:
    """The migration of two texts."""
    a, b = netspec.load(before), netspec.load(after)
    return migrate(match(a, b), lived(a), noise=noise)


def computed(graph: Graph, tensors: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
    """What a network of one output gives at inference, in float64."""
    module = netspec.to_torch(graph).eval()
    module.load_state_dict(tensors)
    with torch.no_grad():
        result: Tensor = module.double()(**{n: x.double() if x.is_floating_point() else x for n, x in inputs.items()})
    return result


def largest_difference(before: str, after: str, **inputs: Tensor) -> float:
    """Of the outputs of both on the same inputs, in parts of the largest; the old outputs are not constant."""
    a, b = netspec.load(before), netspec.load(after)
    weights = lived(a)
    old = computed(a, weights, inputs)
    new = computed(b, migrate(match(a, b), weights).tensors, inputs)
    assert old.std(0).max() > 0.01 * old.abs().max()
    return float((old - new).abs().max() / old.abs().max())
