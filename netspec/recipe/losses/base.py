"""What a loss declares: its fields, what it compares an output with, which outputs it fits, its function on tensors.

ε = output − target.  The margin is M = output · y, with y = ±1 for two classes.  A record's docstring gives L of one
target; the loss of a batch is the mean of L over its targets, times `weight`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar, dataclass_transform

from netspec.data.network import TargetKind
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.records import Above
from netspec.source.registry import Registered, Registry

if TYPE_CHECKING:
    from torch import Tensor

LossFunction: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"


@dataclass(frozen=True)
class Loss(Registered, ABC):
    """One loss with its parameters.  `weight`: what it counts in the sum over several outputs."""

    targets: ClassVar[TargetKind]
    likelihood: ClassVar[bool] = False  # −ln of a probability: the output's softmax, or its logistic function

    weight: Above = field(default=1.0, kw_only=True)

    def check_output(self, name: str, output: TensorType) -> None:
        """Raises NS611, without a place, for an output that the loss does not fit."""
        if not output.floating:
            text = f"output `{name}` is of {output.dtype}, {self.name} expects floating numbers"
            raise NetspecError("NS611", text)

    @abstractmethod
    def to_torch(self) -> LossFunction:
        """(output, target) -> the mean of L over the targets, without `weight`.

        Numbers and signs have the output's shape; classes (B, …) are those of an output (B, classes, …).
        """


LOSSES: Registry[Loss] = Registry("netspec.recipe.losses")
L = TypeVar("L", bound=type[Loss])


@dataclass_transform(frozen_default=True)
def loss(name: str) -> Callable[[L], L]:
    """Declare a loss: a frozen dataclass under the name of its file."""

    def declare(cls: L) -> L:
        dataclass(frozen=True)(cls)
        LOSSES.declare(name, cls)
        return cls

    return declare
