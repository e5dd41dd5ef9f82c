"""Two texts, weights for the first, and what becomes of them in the second."""

from __future__ import annotations

import torch
from torch import Tensor

import netspec
from netspec.graph.model import Graph
from netspec.migrate.migration import Migration, migrate
from netspec.review.match import match


def lived(graph: Graph, seed: int = 1) -> dict[str, Tensor]:
    """Weights as a training leaves them: no bias 0, no running mean 0, no variance 1."""
    state: dict[str, Tensor] = netspec.to_torch(graph, seed).state_dict()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in state.items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith("running_var") else tensor + 0.4 * (noise - 0.5))
    return state


def migrated(before: str, after: str, noise: float = 0.0) -> Migration:
    """The migration of two texts."""
    a, b = netspec.load(before), netspec.load(after)
    return migrate(match(a, b), lived(a), noise=noise)
