"""The absolute error."""

from __future__ import annotations

from netspec.recipe.losses.base import Loss, LossFunction, loss


@loss("absolute")
class Absolute(Loss):
    """L(ε) = |ε|.  Boscovich 1757."""

    targets = "numbers"
    elsewhere = ("mae", "mae_loss", "mean_absolute_error", "absolute_error", "l1", "l1_loss")

    def to_torch(self) -> LossFunction:
        from torch.nn import functional

        return functional.l1_loss
