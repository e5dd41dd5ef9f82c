"""Optimisers: torch's own, and momentum and Nesterov's method in the form of an exponential moving average."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from netspec.recipe.config import Adagrad, Adam, AdamW, Momentum, Nag, OptimizerConfig, RmsProp, Sgd


class _Averaged(Optimizer):
    """Keeps v, one tensor a weight, from 0."""

    def __init__(self, params: Iterable[Tensor], lr: float, gamma: float) -> None:
        super().__init__(params, {"lr": lr, "gamma": gamma})
        for p in self._weights():
            self.state[p]["velocity"] = torch.zeros_like(p, memory_format=torch.preserve_format)

    def _weights(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _velocities(self, weights: list[Tensor]) -> list[Tensor]:
        return [self.state[p]["velocity"] for p in weights]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """v := γv + (1 − γ)g; w := w − ηv.  A weight without a gradient has had no part in the loss: its g is 0."""
        group = self.param_groups[0]
        weights = self._weights()
        velocities = self._velocities(weights)
        torch._foreach_mul_(velocities, group["gamma"])
        pairs = [(v, p.grad) for v, p in zip(velocities, weights, strict=True) if p.grad is not None]
        if pairs:
            torch._foreach_add_([v for v, _ in pairs], [g for _, g in pairs], alpha=1 - group["gamma"])
        torch._foreach_add_(weights, velocities, alpha=-group["lr"])


class MomentumSgd(_Averaged):
    """v := γv + (1 − γ)g(w); w := w − ηv.

    torch's SGD with `dampening=γ` begins with v = g in place of (1 − γ)g.  Polyak 1964.
    """


class NesterovSgd(_Averaged):
    """v := γv + (1 − γ)g(w − ηγv); w := w − ηv.

    A step is `look_ahead`, the gradient, `come_back`, `step`: the weights are moved to w − ηγv, and w is put back as it
    was, bit by bit.  torch's `nesterov=True` takes the gradient at w.  Nesterov 1983.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, gamma: float) -> None:
        super().__init__(params, lr, gamma)
        self._kept = [p.detach().clone() for p in self._weights()]

    @torch.no_grad()
    def look_ahead(self) -> None:
        group = self.param_groups[0]
        weights = self._weights()
        torch._foreach_copy_(self._kept, weights)
        torch._foreach_add_(weights, self._velocities(weights), alpha=-group["lr"] * group["gamma"])

    @torch.no_grad()
    def come_back(self) -> None:
        torch._foreach_copy_(self._weights(), self._kept)


def make_optimizer(config: OptimizerConfig, params: Sequence[Tensor]) -> Optimizer:
    """The optimiser of these weights.  torch's run fused (one call for all weights) where they can."""
    match config:
        case Momentum(lr=lr, gamma=gamma):
            return MomentumSgd(params, lr, gamma)
        case Nag(lr=lr, gamma=gamma):
            return NesterovSgd(params, lr, gamma)
        case Sgd():
            return torch.optim.SGD(
                params,
                config.lr,
                config.momentum,
                config.dampening,
                config.weight_decay,
                config.nesterov,
                fused=True,
            )
        case Adagrad():
            fused = all(p.device.type == "cpu" for p in params)  # torch has the fused form on CPU alone
            return torch.optim.Adagrad(
                params, config.lr, eps=config.eps, weight_decay=config.weight_decay, fused=fused or None
            )
        case RmsProp():
            return torch.optim.RMSprop(
                params,
                config.lr,
                config.alpha,
                config.eps,
                config.weight_decay,
                config.momentum,
                config.centered,
            )
        case Adam() | AdamW():
            make = torch.optim.AdamW if isinstance(config, AdamW) else torch.optim.Adam
            return make(params, config.lr, config.betas, config.eps, config.weight_decay, fused=True)
