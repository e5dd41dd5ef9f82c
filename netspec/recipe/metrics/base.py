"""What a metric declares: the targets that it fits, which way is better, and its value over a whole part of the data.

ŷ what is predicted, y the target, ε = ŷ − y.  Numbers are in the units of the data; a class is its number, of an output
trained on signs 0 or 1.  Steps of a sequence without a target are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeVar, dataclass_transform

from netspec.data.network import TargetKind
from netspec.recipe.losses.base import Loss
from netspec.source.registry import Registered, Registry

if TYPE_CHECKING:
    from torch import Tensor

# What is measured where `metrics` is left out.
DEFAULT: dict[TargetKind, str] = {"classes": "accuracy", "signs": "accuracy", "numbers": "r2"}


class Predicted(NamedTuple):
    """What an output predicts and what is true, of all samples of a part in order; `sample`: which one each is of."""

    predicted: Tensor
    true: Tensor
    sample: Tensor


@dataclass(frozen=True)
class Metric(Registered):
    """How good an output is on a part of the data, as one number."""

    targets: ClassVar[tuple[TargetKind, ...]]
    better: ClassVar[Literal["higher", "lower"]]


@dataclass(frozen=True)
class PredictionMetric(Metric, ABC):
    """A metric of what is predicted for the whole part, which is collected over its batches first."""

    @abstractmethod
    def value(self, part: Predicted) -> float:
        """The metric; NaN where it has none."""


@dataclass(frozen=True)
class LossMetric(Metric, ABC):
    """A metric that is the mean of a loss over all targets of the part, divided by `unit`.

    It is summed over the batches, each by how many targets it has.
    """

    unit: ClassVar[float] = 1.0

    @abstractmethod
    def loss(self) -> Loss:
        """The loss, of weight 1."""


METRICS: Registry[Metric] = Registry("netspec.recipe.metrics")
M = TypeVar("M", bound=type[Metric])


@dataclass_transform(frozen_default=True)
def metric(name: str) -> Callable[[M], M]:
    """Declare a metric: a frozen dataclass under the name of its file."""

    def declare(cls: M) -> M:
        dataclass(frozen=True)(cls)
        METRICS.declare(name, cls)
        return cls

    return declare
