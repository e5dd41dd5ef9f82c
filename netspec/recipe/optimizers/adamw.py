"""Adam with a weight decay of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer
from netspec.source.records import Above, NotNegative

if TYPE_CHECKING:
    import torch


@optimizer("adamw")
class AdamW(Optimizer):
    """w := w − η·weight_decay·w, then the step of adam, in which the decay has no part: torch.optim.AdamW.

    Loshchilov & Hutter 2019, arXiv:1711.05101.
    """

    lr: Above = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Above = 1e-8
    weight_decay: NotNegative = 0.01

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from torch.optim import AdamW as TorchAdamW

        return TorchAdamW(weights, self.lr, self.betas, self.eps, self.weight_decay, fused=True)
