"""The rate falls in a straight line."""

from __future__ import annotations

from netspec.recipe.schedules.base import Schedule, schedule
from netspec.source.records import Share


@schedule("linear")
class LinearDecay(Schedule):
    """f(t) = final + (1 − final)·(1 − t/T)."""

    final: Share = 0.0

    def factor_after(self, t: float, share: float) -> float:
        return self.final + (1 - self.final) * (1 - share)
