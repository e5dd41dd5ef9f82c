"""The rate falls by the same factor in each epoch."""

from __future__ import annotations

from netspec.recipe.schedules.base import Factor, Schedule, schedule


@schedule("exponential")
class ExponentialDecay(Schedule):
    """f(t) = factor^t."""

    factor: Factor

    def factor_after(self, t: float, share: float) -> float:
        return float(self.factor**t)
