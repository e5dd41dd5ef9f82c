"""The cross entropy in bits."""

from __future__ import annotations

import math

from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.metrics.base import LossMetric, metric


@metric("bits_per_character")
class BitsPerCharacter(LossMetric):
    """The mean of −log₂ softmax(output)[class]: the cross entropy over ln 2.  Shannon 1951."""

    targets = ("classes",)
    better = "lower"
    unit = math.log(2)

    def loss(self) -> CrossEntropy:
        return CrossEntropy()
