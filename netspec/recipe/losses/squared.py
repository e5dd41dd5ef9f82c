"""The squared error."""

from __future__ import annotations

from netspec.recipe.losses.base import Loss, LossFunction, loss


@loss("squared")
class Squared(Loss):
    """L(ε) = ε².  Gauss 1809."""

    targets = "numbers"
    elsewhere = ("mse", "mse_loss", "mseloss", "mean_squared_error", "squared_error", "l2")

    def to_torch(self) -> LossFunction:
        from torch.nn import functional

        return functional.mse_loss
