"""The rate stays as it is."""

from __future__ import annotations

from netspec.recipe.schedules.base import Schedule, schedule


@schedule("constant")
class ConstantRate(Schedule):
    """f(t) = 1."""

    def factor_after(self, t: float, share: float) -> float:
        return 1.0
