"""The hinge, as support vector machines have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.recipe.losses.base import Loss, LossFunction, loss

if TYPE_CHECKING:
    from torch import Tensor


@loss("hinge")
class Hinge(Loss):
    """L(M) = max(0, 1 − M), two classes as −1 and +1.  Cortes & Vapnik 1995."""

    targets = "signs"

    def to_torch(self) -> LossFunction:
        from torch.nn.functional import relu

        def mean(output: Tensor, target: Tensor) -> Tensor:
            return relu(1 - output * target).mean()

        return mean
