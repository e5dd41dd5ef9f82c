"""The share of samples that are right from end to end."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("sequence_accuracy")
class SequenceAccuracy(PredictionMetric):
    """(number of samples with ŷ = y in every step) / (number of samples)."""

    targets = ("classes", "signs")
    better = "higher"

    def value(self, part: Predicted) -> float:
        import torch

        wrong = torch.unique(part.sample[part.predicted != part.true]).numel()
        return float(1 - wrong / max(1, torch.unique(part.sample).numel()))
