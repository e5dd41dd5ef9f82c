"""Stochastic gradient descent, as torch has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer
from netspec.source.errors import Problem
from netspec.source.records import NotNegative, Share

if TYPE_CHECKING:
    import torch


@optimizer("sgd")
class Sgd(Optimizer):
    """w := w − ηb, b := momentum·b + (1 − dampening)·g after b := g at the first step: torch.optim.SGD.

    With `nesterov` w := w − η(g + momentum·b).  Robbins & Monro 1951.
    """

    momentum: Decay = 0.0
    dampening: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0

    def problems(self) -> Iterator[Problem]:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            yield Problem(
                "NS612",
                "`nesterov` of sgd needs `momentum` above 0 and no `dampening`",
                hint="or use `type: nag`",
                key=("nesterov",),
            )

    def to_torch(self, weights: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        from torch.optim import SGD

        return SGD(weights, self.lr, self.momentum, self.dampening, self.weight_decay, self.nesterov, fused=True)
