"""The largest error."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("max_error")
class MaxError(PredictionMetric):
    """The largest |ε|, in the data's units."""

    targets = ("numbers",)
    better = "lower"

    def value(self, part: Predicted) -> float:
        return float((part.predicted.double() - part.true.double()).abs().max())
