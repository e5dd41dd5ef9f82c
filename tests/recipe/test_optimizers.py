"""Each optimizer, step by step, against its formula in NumPy; f(w) = ½wᵀAw − bᵀw, so that g(w) = Aw − b."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from netspec.recipe.optimizers.adagrad import Adagrad
from netspec.recipe.optimizers.adam import Adam
from netspec.recipe.optimizers.adamw import AdamW
from netspec.recipe.optimizers.base import OPTIMIZERS, LooksAhead
from netspec.recipe.optimizers.momentum import Momentum
from netspec.recipe.optimizers.nag import Nag
from netspec.recipe.optimizers.rmsprop import RmsProp
from netspec.recipe.optimizers.sgd import Sgd

rng = np.random.default_rng(1)
A = np.diag([1.0, 3.0, 0.5]) + 0.1
B = rng.normal(size=3)
START = rng.normal(size=3)
STEPS = 8
LR = 0.05


def gradient(w: Any) -> Any:
    return A @ w - B


def slides_momentum(o: Momentum) -> Iterator[Any]:
    w, v = START, 0.0
    while True:
        v = o.gamma * v + (1 - o.gamma) * gradient(w)
        w = w - LR * v
        yield w


def slides_nag(o: Nag) -> Iterator[Any]:
    w, v = START, 0.0
    while True:
        v = o.gamma * v + (1 - o.gamma) * gradient(w - LR * o.gamma * v)
        w = w - LR * v
        yield w


def sgd(o: Sgd) -> Iterator[Any]:
    w, b = START, None
    while True:
        g = gradient(w) + o.weight_decay * w
        b = g if b is None else o.momentum * b + (1 - o.dampening) * g
        w = w - LR * (g + o.momentum * b if o.nesterov else b if o.momentum else g)
        yield w


def adagrad(o: Adagrad) -> Iterator[Any]:
    w, s = START, 0.0
    while True:
        g = gradient(w) + o.weight_decay * w
        s = s + g**2
        w = w - LR * g / (np.sqrt(s) + o.eps)
        yield w


def rmsprop(o: RmsProp) -> Iterator[Any]:
    w, s, mean, b = START, 0.0, 0.0, 0.0
    while True:
        g = gradient(w) + o.weight_decay * w
        s = o.alpha * s + (1 - o.alpha) * g**2
        mean = o.alpha * mean + (1 - o.alpha) * g
        b = o.momentum * b + g / (np.sqrt(s - mean**2 if o.centered else s) + o.eps)
        w = w - LR * b
        yield w


def adam(o: Adam | AdamW) -> Iterator[Any]:
    w, m, s, t = START, 0.0, 0.0, 0
    decoupled = isinstance(o, AdamW)
    while True:
        t += 1
        g = gradient(w) + (0 if decoupled else o.weight_decay * w)
        m = o.betas[0] * m + (1 - o.betas[0]) * g
        s = o.betas[1] * s + (1 - o.betas[1]) * g**2
        w = w * (1 - LR * o.weight_decay) if decoupled else w
        w = w - LR * (m / (1 - o.betas[0] ** t)) / (np.sqrt(s / (1 - o.betas[1] ** t)) + o.eps)
        yield w


CASES = [
    (Momentum(LR, 0.8), slides_momentum),
    (Nag(LR, 0.8), slides_nag),
    (Sgd(LR), sgd),
    (Sgd(LR, momentum=0.9, dampening=0.1, weight_decay=0.01), sgd),
    (Sgd(LR, momentum=0.9, nesterov=True), sgd),
    (Adagrad(LR, weight_decay=0.1), adagrad),
    (RmsProp(LR), rmsprop),
    (RmsProp(LR, 0.9, momentum=0.5, centered=True, weight_decay=0.01), rmsprop),
    (Adam(LR), adam),
    (Adam(LR, (0.8, 0.95), weight_decay=0.1), adam),
    (AdamW(LR, weight_decay=0.1), adam),
]


def test_every_optimizer_has_a_formula_here() -> None:
    assert {config.name for config, _ in CASES} == set(OPTIMIZERS)


def torch_steps(config: Any) -> Iterator[Any]:
    w = torch.tensor(START, requires_grad=True)
    optimizer = config.to_torch([w])
    a, b = torch.tensor(A), torch.tensor(B)
    while True:
        w.grad = None
        if isinstance(optimizer, LooksAhead):
            optimizer.look_ahead()
        (w @ a @ w / 2 - b @ w).backward()  # type: ignore[no-untyped-call]
        if isinstance(optimizer, LooksAhead):
            optimizer.come_back()
        optimizer.step()
        yield w.detach().numpy().copy()


@pytest.mark.parametrize(("config", "formula"), CASES, ids=lambda case: getattr(case, "__name__", type(case).__name__))
def test_steps(config: Any, formula: Any) -> None:
    ours, theirs = torch_steps(config), formula(config)
    for _ in range(STEPS):
        np.testing.assert_allclose(next(ours), next(theirs), rtol=1e-9)


def test_slides_momentum_is_not_torch_sgd_with_dampening() -> None:
    """The traps name it: the first step differs by the factor 1 − γ."""
    first = next(torch_steps(Momentum(LR, 0.9))) - START
    other = next(torch_steps(Sgd(LR, momentum=0.9, dampening=0.9))) - START
    np.testing.assert_allclose(first, 0.1 * other)


def test_look_ahead_leaves_no_trace() -> None:
    w = torch.randn(1000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimizer = Nag(0.1).to_torch([w])
    assert isinstance(optimizer, LooksAhead)
    optimizer.state[w]["velocity"].normal_()
    before = w.detach().clone()
    optimizer.look_ahead()
    assert not torch.equal(before, w)
    optimizer.come_back()
    assert torch.equal(before, w)


def test_a_weight_without_a_gradient_stays() -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = Momentum().to_torch([a, b])
    a.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert torch.equal(b, torch.ones(2)) and not torch.equal(a, b)
