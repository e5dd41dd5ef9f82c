"""What a schedule declares: its fields, and the factor of the learning rate over time.

The rate rises linearly to `lr` over `warmup_epochs`; t epochs after that it is lr·f(t), of T epochs that are left then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias, TypeVar, dataclass_transform

from netspec.source.records import Limit, NotNegative
from netspec.source.registry import Registered, Registry

Factor: TypeAlias = Annotated[float, Limit(exclusiveMinimum=0, maximum=1)]


@dataclass(frozen=True)
class Schedule(Registered, ABC):
    """One schedule with its parameters."""

    warmup_epochs: NotNegative = field(default=0.0, kw_only=True)

    @abstractmethod
    def factor_after(self, t: float, share: float) -> float:
        """f(t); `share`: t/T, at most 1."""

    def rate_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """What `lr` is multiplied with at a step, counted from 0 over the whole training."""
        warmup_steps = self.warmup_epochs * steps_per_epoch
        if step + 1 < warmup_steps:
            return (step + 1) / warmup_steps
        t = max(0.0, step / steps_per_epoch - self.warmup_epochs)
        return self.factor_after(t, min(1.0, t / (epochs - self.warmup_epochs)))


SCHEDULES: Registry[Schedule] = Registry("netspec.recipe.schedules")
S = TypeVar("S", bound=type[Schedule])


@dataclass_transform(frozen_default=True)
def schedule(name: str) -> Callable[[S], S]:
    """Declare a schedule: a frozen dataclass under the name of its file."""

    def declare(cls: S) -> S:
        dataclass(frozen=True)(cls)
        SCHEDULES.declare(name, cls)
        return cls

    return declare
