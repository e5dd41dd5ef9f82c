"""The share of the variance that is explained."""

from __future__ import annotations

from netspec.recipe.metrics.base import Predicted, PredictionMetric, metric


@metric("r2")
class R2(PredictionMetric):
    """1 − Σε² / Σ(y − mean(y))², the mean over the columns: 1 is exact, 0 as good as the mean.  Wright 1921.

    A column whose y are all the same has none and is left out; NaN where every column is such.
    """

    targets = ("numbers",)
    better = "higher"

    def value(self, part: Predicted) -> float:
        import torch

        p, y = (x.double().reshape(len(x), -1) for x in (part.predicted, part.true))
        spread = (y - y.mean(0)).square().sum(0)
        return float((1 - (p - y).square().sum(0) / torch.where(spread > 0, spread, torch.nan)).nanmean())
