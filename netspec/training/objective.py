"""The losses as PyTorch computes them; their formulas stand with their records in `config`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.recipe.config import (
    Absolute,
    CrossEntropy,
    EpsilonInsensitive,
    Hinge,
    Logistic,
    Loss,
    Squared,
)

NO_CLASS = -100  # as the data has it where a step has no target
LossFunction = Callable[[Tensor, Tensor], Tensor]
Outputs = Tensor | Mapping[str, Tensor]


def kept_steps(target: Tensor) -> Tensor:
    """(B, T): the steps of (B, T, …) that have a target."""
    if not target.is_floating_point():
        return target != NO_CLASS
    known = ~target.isnan()
    return known if target.ndim == 2 else known.flatten(2)[..., 0]


def loss_function(loss: Loss, class_axis: int = 1, masked: bool = False) -> LossFunction:
    """(output, target) -> the mean over the batch, times the loss's weight.

    Targets are numbers or ±1 in the output's shape, or class numbers (int64) in its shape without `class_axis`.
    `masked`: (B, T, …) in which some steps have no target; the mean is over those that have one.
    """
    plain = _over_kept(_plain(loss, 1), class_axis) if masked else _plain(loss, class_axis)
    weight = loss.weight
    return plain if weight == 1.0 else lambda output, target: weight * plain(output, target)


def _over_kept(plain: LossFunction, class_axis: int) -> LossFunction:
    """Steps without a target are taken out first: whatever stands there, and however many, the value is the same."""

    def masked(output: Tensor, target: Tensor) -> Tensor:
        kept = kept_steps(target)
        if not target.is_floating_point():
            output = output.movedim(class_axis, -1)
        output, target = output[kept], target[kept]
        return plain(output, target) if len(target) else output.sum()  # of nothing: 0, and so is its gradient

    return masked


def _plain(loss: Loss, class_axis: int) -> LossFunction:
    match loss:
        case Squared():
            return F.mse_loss
        case Absolute():
            return F.l1_loss
        case EpsilonInsensitive(epsilon=epsilon):
            return lambda output, target: F.relu((output - target).abs() - epsilon).mean()
        case Logistic():
            return lambda output, target: F.softplus(-output * target).mean()
        case Hinge():
            return lambda output, target: F.relu(1 - output * target).mean()
        case CrossEntropy(label_smoothing=smoothing):
            if class_axis != 1:  # torch counts the classes along axis 1
                return lambda output, target: F.cross_entropy(
                    output.movedim(class_axis, 1), target, label_smoothing=smoothing
                )
            return lambda output, target: F.cross_entropy(output, target, label_smoothing=smoothing)


@dataclass(frozen=True)
class Losses:
    """The losses of all trained outputs, each with how much a batch counts in its mean over several batches.

    `alone`: the network gives its one output as a tensor, not in a dict; `masked`: outputs in which some steps have no
    target.
    """

    functions: Mapping[str, LossFunction]
    masked: frozenset[str]
    alone: bool

    def each(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> Tensor:
        """(K,) the mean of each of K outputs over the batch; () where there is only one.  Their sum is minimised."""
        if self.alone:
            [(name, function)] = self.functions.items()
            return function(outputs, targets[name])  # type: ignore[arg-type]
        assert not isinstance(outputs, Tensor)
        return torch.stack([f(outputs[name], targets[name]) for name, f in self.functions.items()])

    def counts(self, targets: Mapping[str, Tensor]) -> list[Tensor | int]:
        """Of each output over how many targets, or steps with one, its mean is: outputs differ in their padding."""
        return [kept_steps(y).sum() if name in self.masked else y.numel()
                for name, y in ((name, targets[name]) for name in self.functions)]  # fmt: skip
