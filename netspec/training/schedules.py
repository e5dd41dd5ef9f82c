"""Learning rates over time; the formulas stand with their records in `config`."""

from __future__ import annotations

import math

from netspec.recipe.config import Constant, Cosine, Exponential, Linear, ScheduleConfig, Step


def rate_factor(schedule: ScheduleConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """What `lr` is multiplied with at a step, counted from 0 over the whole training."""
    warmup_steps = schedule.warmup_epochs * steps_per_epoch
    if step + 1 < warmup_steps:
        return (step + 1) / warmup_steps
    t = max(0.0, step / steps_per_epoch - schedule.warmup_epochs)
    share = min(1.0, t / (epochs - schedule.warmup_epochs))
    match schedule:
        case Constant():
            return 1.0
        case Step(every=every, factor=factor):
            return float(factor ** math.floor(t / every + 1e-9))
        case Exponential(factor=factor):
            return float(factor**t)
        case Linear(final=final):
            return final + (1 - final) * (1 - share)
        case Cosine(final=final):
            return final + (1 - final) * (1 + math.cos(math.pi * share)) / 2
