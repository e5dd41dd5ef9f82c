"""The negative log-likelihood of two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.recipe.losses.base import Loss, LossFunction, loss

if TYPE_CHECKING:
    from torch import Tensor


@loss("logistic")
class Logistic(Loss):
    """L(M) = ln(1 + exp(−M)), two classes as −1 and +1.  Cox 1958."""

    targets = "signs"
    likelihood = True
    elsewhere = (
        "binary_cross_entropy",
        "binary_crossentropy",
        "bce",
        "bce_loss",
        "log_loss",
        "bce_with_logits",
        "bcewithlogitsloss",
        "binary_cross_entropy_with_logits",
        "sigmoid_cross_entropy",
    )

    def to_torch(self) -> LossFunction:
        from torch.nn.functional import softplus

        def mean(output: Tensor, target: Tensor) -> Tensor:
            return softplus(-output * target).mean()

        return mean
