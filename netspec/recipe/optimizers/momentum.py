"""Gradient descent along a running mean of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer

if TYPE_CHECKING:
    import torch


@optimizer("momentum")
class Momentum(Optimizer):
    """v := γv + (1 − γ)g(w); w := w − ηv, from v = 0; γ = gamma.  Polyak 1964."""

    gamma: Decay = 0.9

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from netspec.recipe.optimizers._velocity import VelocityOptimizer

        return VelocityOptimizer(weights, self.lr, self.gamma)
