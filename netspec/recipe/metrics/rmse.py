"""The root of the mean squared error."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric
from netspec.recipe.metrics.mse import Mse


@metric("rmse")
class Rmse(PredictionMetric):
    """√(mean of ε²), in the data's units."""

    targets = ("numbers",)
    better = "lower"

    def value(self, part: Predicted) -> float:
        return float(Mse().value(part) ** 0.5)
