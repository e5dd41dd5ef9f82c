"""The rate falls along half a wave."""

from __future__ import annotations

import math

from netspec.recipe.schedules.base import Schedule, schedule
from netspec.source.records import Share


@schedule("cosine")
class CosineDecay(Schedule):
    """f(t) = final + (1 − final)·(1 + cos(π·t/T))/2.  Loshchilov & Hutter 2017, arXiv:1608.03983."""

    final: Share = 0.0

    def factor_after(self, t: float, share: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * share)) / 2
