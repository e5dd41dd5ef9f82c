"""The mean absolute error."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("mae")
class Mae(PredictionMetric):
    """The mean of |ε|, in the data's units."""

    targets = ("numbers",)
    better = "lower"

    def value(self, part: Predicted) -> float:
        return float((part.predicted.double() - part.true.double()).abs().mean())
