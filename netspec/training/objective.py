"""What is minimised: the sum of the losses of all outputs, over the steps that have a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netspec.data.targets import NO_CLASS
from netspec.recipe.losses.base import Loss, LossFunction

Outputs = Tensor | Mapping[str, Tensor]


def steps_with_target(target: Tensor) -> Tensor:
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
    mean = loss.to_torch()
    if masked:
        mean = _over_steps_with_target(mean, class_axis)
    elif loss.targets == "classes" and class_axis != 1:
        mean = _classes_first(mean, class_axis)
    weight = loss.weight
    return mean if weight == 1.0 else lambda output, target: weight * mean(output, target)


def _classes_first(mean: LossFunction, class_axis: int) -> LossFunction:
    return lambda output, target: mean(output.movedim(class_axis, 1), target)


def _over_steps_with_target(mean: LossFunction, class_axis: int) -> LossFunction:
    """Steps without a target are taken out first: whatever stands there, and however many, the value is the same."""

    def masked(output: Tensor, target: Tensor) -> Tensor:
        steps = steps_with_target(target)
        if not target.is_floating_point():
            output = output.movedim(class_axis, -1)
        output, target = output[steps], target[steps]
        return mean(output, target) if len(target) else output.sum()  # of nothing: 0, and so is its gradient

    return masked


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
            return function(outputs, targets[name])  # type: ignore[arg-type]  # of the type that the loss takes
        assert not isinstance(outputs, Tensor)
        return torch.stack([f(outputs[name], targets[name]) for name, f in self.functions.items()])

    def counts(self, targets: Mapping[str, Tensor]) -> list[Tensor | int]:
        """Of each output over how many targets, or steps with one, its mean is: outputs differ in their padding."""
        named = ((name, targets[name]) for name in self.functions)
        return [steps_with_target(y).sum() if name in self.masked else y.numel() for name, y in named]
