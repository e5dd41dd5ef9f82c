"""The share of right predictions."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("accuracy")
class ClassAccuracy(PredictionMetric):
    """(number of ŷ = y) / (number of y)."""

    targets = ("classes", "signs")
    better = "higher"

    def value(self, part: Predicted) -> float:
        return float((part.predicted == part.true).sum()) / max(1, part.true.numel())
