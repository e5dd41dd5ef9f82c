"""What an optimizer declares: its fields, rules over several of them, and torch's optimizer that it makes.

w weights, g the gradient of the batch's loss, η = lr; states begin at 0.  `weight_decay`·w is added to g.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, TypeAlias, TypeVar, dataclass_transform, runtime_checkable

from netspec.source.errors import Problem
from netspec.source.records import Above, Limit
from netspec.source.registry import Registered, Registry

if TYPE_CHECKING:
    import torch

Decay: TypeAlias = Annotated[float, Limit(minimum=0, exclusiveMaximum=1)]  # of a running mean


@dataclass(frozen=True)
class Optimizer(Registered, ABC):
    """One optimizer with its parameters.  `lr`: what the schedule multiplies."""

    lr: Above = 0.01

    def problems(self) -> Iterator[Problem]:
        """What the types of the fields cannot say (NS612), each with the key that it is about."""
        return iter(())

    @abstractmethod
    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        """The optimizer of these weights, fused (one call for all of them) where torch has that."""


@runtime_checkable
class LooksAhead(Protocol):
    """A torch optimizer whose gradient is taken elsewhere than at w: `look_ahead`, gradient, `come_back`, `step`."""

    def look_ahead(self) -> None:
        """Move the weights to where the gradient is taken."""

    def come_back(self) -> None:
        """Put the weights back, bit by bit."""


OPTIMIZERS: Registry[Optimizer] = Registry("netspec.recipe.optimizers")
O = TypeVar("O", bound=type[Optimizer])  # noqa: E741 - O of Optimizer


@dataclass_transform(frozen_default=True)
def optimizer(name: str) -> Callable[[O], O]:
    """Declare an optimizer: a frozen dataclass under the name of its file."""

    def declare(cls: O) -> O:
        dataclass(frozen=True)(cls)
        OPTIMIZERS.declare(name, cls)
        return cls

    return declare
