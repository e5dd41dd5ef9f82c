"""Steps that shrink with the gradients so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Optimizer, optimizer
from netspec.source.records import Above, NotNegative

if TYPE_CHECKING:
    import torch


@optimizer("adagrad")
class Adagrad(Optimizer):
    """s := s + g²; w := w − ηg/(√s + eps): torch.optim.Adagrad.  Duchi et al. 2011."""

    eps: Above = 1e-10
    weight_decay: NotNegative = 0.0

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from torch.optim import Adagrad as TorchAdagrad

        fused = all(w.device.type == "cpu" for w in weights)  # torch has the fused form on CPU alone
        return TorchAdagrad(weights, self.lr, eps=self.eps, weight_decay=self.weight_decay, fused=fused or None)
