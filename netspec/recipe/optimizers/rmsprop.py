"""Steps over the root of a running mean of g²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer
from netspec.source.records import Above, NotNegative

if TYPE_CHECKING:
    import torch


@optimizer("rmsprop")
class RmsProp(Optimizer):
    """s := alpha·s + (1 − alpha)g²; w := w − ηg/(√s + eps): torch.optim.RMSprop.

    `centered`: s less the square of the running mean of g.  Hinton 2012; Graves 2013, arXiv:1308.0850.
    """

    alpha: Decay = 0.99
    eps: Above = 1e-8
    momentum: Decay = 0.0
    centered: bool = False
    weight_decay: NotNegative = 0.0

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from torch.optim import RMSprop

        return RMSprop(weights, self.lr, self.alpha, self.eps, self.weight_decay, self.momentum, self.centered)
