"""Nesterov's accelerated gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer

if TYPE_CHECKING:
    import torch


@optimizer("nag")
class Nag(Optimizer):
    """v := γv + (1 − γ)g(w − ηγv); w := w − ηv, from v = 0; γ = gamma: the gradient where momentum leads.

    Nesterov 1983.
    """

    gamma: Decay = 0.9

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from netspec.recipe.optimizers._velocity import LookAheadOptimizer

        return LookAheadOptimizer(weights, self.lr, self.gamma)
