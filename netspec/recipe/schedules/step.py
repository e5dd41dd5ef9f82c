"""The rate falls in steps."""

from __future__ import annotations

import math

from netspec.recipe.schedules.base import Factor, Schedule, schedule
from netspec.source.records import Positive


@schedule("step")
class StepDecay(Schedule):
    """f(t) = factor^⌊t / every⌋."""

    every: Positive
    factor: Factor = 0.1

    def factor_after(self, t: float, share: float) -> float:
        return float(self.factor ** math.floor(t / self.every + 1e-9))
