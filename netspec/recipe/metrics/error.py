"""The share of wrong predictions."""

from __future__ import annotations

from netspec.recipe.metrics.accuracy import ClassAccuracy
from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("error")
class ErrorRate(PredictionMetric):
    """1 − accuracy."""

    targets = ("classes", "signs")
    better = "lower"

    def value(self, part: Predicted) -> float:
        return 1.0 - ClassAccuracy().value(part)
