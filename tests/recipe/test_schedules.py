"""Schedules against torch's own at whole epochs, and the warm-up by hand."""

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from netspec.recipe.schedules.base import SCHEDULES
from netspec.recipe.schedules.constant import ConstantRate
from netspec.recipe.schedules.cosine import CosineDecay
from netspec.recipe.schedules.exponential import ExponentialDecay
from netspec.recipe.schedules.linear import LinearDecay
from netspec.recipe.schedules.step import StepDecay

EPOCHS, STEPS = 10, 7

CASES = [
    (ConstantRate(), lambda o: lr_scheduler.LambdaLR(o, lambda _: 1.0)),
    (StepDecay(3, 0.5), lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
    (ExponentialDecay(0.8), lambda o: lr_scheduler.ExponentialLR(o, 0.8)),
    (LinearDecay(0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, EPOCHS)),
    (CosineDecay(), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS)),
    (CosineDecay(0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS, 0.1)),
]


def test_every_schedule_is_held_against_another() -> None:
    assert {schedule.name for schedule, _ in CASES} == set(SCHEDULES)


@pytest.mark.parametrize(("schedule", "make"), CASES, ids=lambda case: type(case).__name__)
def test_whole_epochs(schedule: Any, make: Any) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = make(optimizer)
    for epoch in range(EPOCHS):
        expected = optimizer.param_groups[0]["lr"]
        assert schedule.rate_factor(epoch * STEPS, STEPS, EPOCHS) == pytest.approx(expected, abs=1e-12)
        optimizer.step()
        theirs.step()


def test_warm_up_rises_by_the_step_and_then_the_schedule_begins() -> None:
    found = [LinearDecay(0.0, warmup_epochs=2).rate_factor(step, 4, 10) for step in range(40)]
    assert found[:8] == pytest.approx([(i + 1) / 8 for i in range(8)])
    assert found[8] == 1.0
    assert found[8 + 16] == pytest.approx(0.5)
    assert found[39] == pytest.approx(1 - (39 / 4 - 2) / 8)


def test_warm_up_over_half_an_epoch() -> None:
    assert [ConstantRate(warmup_epochs=0.5).rate_factor(step, 4, 10) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_step_schedule_counts_after_the_warm_up() -> None:
    found = [StepDecay(2, 0.1, warmup_epochs=1).rate_factor(epoch * STEPS, STEPS, EPOCHS) for epoch in range(1, 7)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
