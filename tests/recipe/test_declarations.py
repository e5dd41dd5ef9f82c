"""Everything registered has every part: a docstring with its law, the schema's entry, targets, and what it computes.

The numbers are held against formulas and other libraries in the tests beside this one.
"""

from __future__ import annotations

import inspect
import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from netspec.data.network import TargetKind
from netspec.recipe.config import TrainConfig
from netspec.recipe.losses.base import LOSSES
from netspec.recipe.metrics.base import DEFAULT, METRICS, LossMetric, Predicted, PredictionMetric
from netspec.recipe.optimizers.base import OPTIMIZERS, LooksAhead
from netspec.recipe.schedules.base import SCHEDULES
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.errors import NetspecError
from netspec.source.records import fields_of, record_schema
from netspec.source.registry import Registered, Registry
from netspec.training.checkpoint import optimizer_entries

REGISTRIES: dict[str, Registry[Any]] = {
    "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "metrics": METRICS,
}  # fmt: skip
EVERY = [(key, name) for key, registry in REGISTRIES.items() for name in registry]
KINDS: tuple[TargetKind, ...] = ("classes", "signs", "numbers")


@pytest.mark.parametrize(("key", "name"), EVERY)
def test_law(key: str, name: str) -> None:
    cls = REGISTRIES[key][name]
    assert issubclass(cls, Registered) and cls.name == name
    law = (inspect.getdoc(cls) or "").partition("\n\n")[0]
    assert cls.__doc__ != cls.__mro__[1].__doc__ and any(sign in law for sign in "=√·−|²"), f"{name} has no equation"
    assert law.endswith(".")


@pytest.mark.parametrize(("key", "name"), EVERY)
def test_schema(key: str, name: str) -> None:
    schema = record_schema(TrainConfig)["properties"][key]
    if key == "metrics":
        assert name in schema["anyOf"][0]["items"]["enum"]
        return
    names, by_type = schema["anyOf"][:2]
    assert name in names["enum"] and name in by_type["properties"]["type"]["enum"]
    [branch] = [b["then"]["properties"] for b in by_type["allOf"] if b["if"]["properties"]["type"]["const"] == name]
    assert list(branch) == ["type", *fields_of(REGISTRIES[key][name])]


def example(kind: TargetKind) -> tuple[torch.Tensor, torch.Tensor]:
    """An output and its targets."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(6, 3, generator=generator)
    if kind == "classes":
        return output, torch.randint(3, (6,), generator=generator)
    target = torch.randn(6, 3, generator=generator)
    return output, target.sign() if kind == "signs" else target


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str) -> None:
    """It takes an output of its kind, in whole batches of any size; its mean is one of targets."""
    loss = LOSSES[name]()
    assert loss.targets in KINDS and loss.weight == 1
    loss.check_output("y", TensorType((BATCH, 3)))
    with pytest.raises(NetspecError, match=f"NS611 output `y` is of int64, {name} expects floating numbers"):
        loss.check_output("y", TensorType((BATCH, 3), "int64"))
    output, target = example(loss.targets)
    mean = loss.to_torch()
    value = mean(output.requires_grad_(), target)
    assert value.shape == () and math.isfinite(value.item())
    value.backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None and output.grad.abs().sum() > 0
    halves = [mean(output[i : i + 3], target[i : i + 3]).item() for i in (0, 3)]
    assert value.item() == pytest.approx(sum(halves) / 2, rel=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name: str) -> None:
    """It moves every weight downhill, at a rate that can be changed, and what it keeps is known to a checkpoint."""
    config = OPTIMIZERS[name](lr=0.05)
    assert not list(config.problems())
    weights = [torch.ones(2, 2, requires_grad=True), torch.ones(3, requires_grad=True)]
    optimizer = config.to_torch(weights)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05]
    for _ in range(20):
        if isinstance(optimizer, LooksAhead):
            optimizer.look_ahead()
        optimizer.zero_grad()
        sum(w.square().sum() for w in weights).backward()  # type: ignore[union-attr]
        if isinstance(optimizer, LooksAhead):
            optimizer.come_back()
        optimizer.step()
    assert all((w < 0.9).all() for w in weights)
    entries = optimizer_entries(config)
    assert all(optimizer.state[w].keys() == entries.keys() for w in weights)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    required = {f.name: 1 if f.name == "every" else 0.5 for f in fields_of(SCHEDULES[name]).values() if f.required}
    schedule = SCHEDULES[name](**required)
    factors = [schedule.rate_factor(step, 4, 5) for step in range(20)]
    assert factors[0] == 1 and all(0 <= b <= a for a, b in pairwise(factors))


@pytest.mark.parametrize("name", METRICS)
def test_metric(name: str) -> None:
    """What is right measures better than what is not, in the direction that the metric says."""
    metric = METRICS[name]()
    assert metric.targets and set(metric.targets) <= set(KINDS)
    values = []
    for kind in metric.targets:
        if isinstance(metric, LossMetric):
            assert kind == metric.loss().targets
            mean = metric.loss().to_torch()
            _, target = example(kind)
            right = 20 * torch.nn.functional.one_hot(target, 3).float() if kind == "classes" else 20 * target
            values.append((mean(right, target).item(), mean(-right, target).item()))
        else:
            assert isinstance(metric, PredictionMetric)
            true = example(kind)[1] if kind == "numbers" else torch.tensor([0, 1, 1, 0, 1, 1])
            wrong = true + 1 if kind == "numbers" else 1 - true
            values.append(tuple(metric.value(Predicted(p, true, torch.arange(6))) for p in (true, wrong)))  # type: ignore[arg-type]
    for best, worst in values:
        assert best > worst if metric.better == "higher" else best < worst


def test_every_kind_of_targets_has_a_metric_to_begin_with() -> None:
    assert set(DEFAULT) == set(KINDS)
    for kind, name in DEFAULT.items():
        assert kind in METRICS[name].targets
