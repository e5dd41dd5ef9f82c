"""torch optimizers that move the weights along a running mean of the gradients.  Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class VelocityOptimizer(torch.optim.Optimizer):
    """v := γv + (1 − γ)g; w := w − ηv, from v = 0, one v a weight.

    torch's SGD with `dampening=γ` begins with v = g in place of (1 − γ)g.  Polyak 1964.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, gamma: float) -> None:
        super().__init__(weights, {"lr": lr, "gamma": gamma})
        for w in self._weights():
            self.state[w]["velocity"] = torch.zeros_like(w, memory_format=torch.preserve_format)

    def _weights(self) -> list[Tensor]:
        return [w for group in self.param_groups for w in group["params"]]

    def _velocities(self, weights: list[Tensor]) -> list[Tensor]:
        return [self.state[w]["velocity"] for w in weights]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # torch's has overloads
        """A weight without a gradient has had no part in the loss: its g is 0."""
        group = self.param_groups[0]
        weights = self._weights()
        velocities = self._velocities(weights)
        torch._foreach_mul_(velocities, group["gamma"])
        pairs = [(v, w.grad) for v, w in zip(velocities, weights, strict=True) if w.grad is not None]
        if pairs:
            torch._foreach_add_([v for v, _ in pairs], [g for _, g in pairs], alpha=1 - group["gamma"])
        torch._foreach_add_(weights, velocities, alpha=-group["lr"])


class LookAheadOptimizer(VelocityOptimizer):
    """The same with the gradient at w − ηγv, and w put back from a copy.  torch's `nesterov=True` takes it at w.

    Nesterov 1983.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, gamma: float) -> None:
        super().__init__(weights, lr, gamma)
        self._before = [w.detach().clone() for w in self._weights()]

    @torch.no_grad()
    def look_ahead(self) -> None:
        group = self.param_groups[0]
        weights = self._weights()
        torch._foreach_copy_(self._before, weights)
        torch._foreach_add_(weights, self._velocities(weights), alpha=-group["lr"] * group["gamma"])

    @torch.no_grad()
    def come_back(self) -> None:
        torch._foreach_copy_(self._weights(), self._before)
