"""The harmonic mean of precision and recall."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("f1")
class F1(PredictionMetric):
    """2·TP / (2·TP + FP + FN) of a class, the mean over the classes that are predicted or true.

    van Rijsbergen 1979.
    """

    targets = ("classes", "signs")
    better = "higher"

    def value(self, part: Predicted) -> float:
        import torch

        predicted, true = part.predicted, part.true
        count = int(torch.maximum(predicted.max(), true.max())) + 1
        of_predicted = torch.bincount(predicted.reshape(-1), minlength=count)
        of_true = torch.bincount(true.reshape(-1), minlength=count)
        right = torch.bincount(true[predicted == true], minlength=count)
        either = of_predicted + of_true
        return float((2 * right[either > 0].double() / either[either > 0]).mean())
