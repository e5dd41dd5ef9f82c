"""The losses as PyTorch computes them; their formulas stand with their records in `config`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.train.config import (
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
        return plain(output[kept], target[kept])

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


def total_loss(functions: Mapping[str, LossFunction], alone: bool) -> Callable[[Outputs, Mapping[str, Tensor]], Tensor]:
    """The sum over the trained outputs; `alone`: the network gives its one output as a tensor, not in a dict."""
    if alone:
        [(name, function)] = functions.items()
        return lambda outputs, targets: function(outputs, targets[name])  # type: ignore[arg-type]

    def total(outputs: Outputs, targets: Mapping[str, Tensor]) -> Tensor:
        assert not isinstance(outputs, Tensor)
        return torch.stack([f(outputs[name], targets[name]) for name, f in functions.items()]).sum()

    return total
