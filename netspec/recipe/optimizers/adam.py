"""Steps along a running mean of g over the root of one of g²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer
from netspec.source.records import Above, NotNegative

if TYPE_CHECKING:
    import torch


@optimizer("adam")
class Adam(Optimizer):
    """m, s: running means of g and g², corrected for their start; w := w − ηm/(√s + eps): torch.optim.Adam.

    Kingma & Ba 2015, arXiv:1412.6980.
    """

    lr: Above = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Above = 1e-8
    weight_decay: NotNegative = 0.0

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from torch.optim import Adam as TorchAdam

        return TorchAdam(weights, self.lr, self.betas, self.eps, self.weight_decay, fused=True)
