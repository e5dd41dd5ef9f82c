"""The mean squared error."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("mse")
class Mse(PredictionMetric):
    """The mean of ε², in the square of the data's units."""

    targets = ("numbers",)
    better = "lower"

    def value(self, part: Predicted) -> float:
        return float((part.predicted.double() - part.true.double()).square().mean())
