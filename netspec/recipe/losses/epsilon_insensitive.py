"""The absolute error beyond a margin, as support vector regression has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.recipe.losses.base import Loss, LossFunction, loss
from netspec.source.records import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@loss("epsilon_insensitive")
class EpsilonInsensitive(Loss):
    """L(ε) = max(0, |ε| − epsilon): errors below `epsilon` cost nothing.  Vapnik 1995."""

    targets = "numbers"

    epsilon: NotNegative = 0.1

    def to_torch(self) -> LossFunction:
        from torch.nn.functional import relu

        def mean(output: Tensor, target: Tensor) -> Tensor:
            return relu((output - target).abs() - self.epsilon).mean()

        return mean
