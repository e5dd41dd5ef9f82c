"""Metrics over a whole part, from what was predicted and what was true."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from netspec.recipe.config import TrainConfig, metric_fits, target_kinds


def accuracy(predicted: Tensor, true: Tensor) -> float:
    """The share of samples whose class is right."""
    return float((predicted == true).sum()) / max(1, true.numel())


def error(predicted: Tensor, true: Tensor) -> float:
    """1 − accuracy."""
    return 1.0 - accuracy(predicted, true)


def f1(predicted: Tensor, true: Tensor) -> float:
    """2·TP / (2·TP + FP + FN), the mean over the classes that were predicted or true."""
    count = int(torch.maximum(predicted.max(), true.max())) + 1
    said = torch.bincount(predicted.reshape(-1), minlength=count)
    were = torch.bincount(true.reshape(-1), minlength=count)
    right = torch.bincount(true[predicted == true], minlength=count)
    seen = said + were > 0
    return float((2 * right[seen].double() / (said + were)[seen]).mean())


def mse(predicted: Tensor, true: Tensor) -> float:
    """The mean of ε²."""
    return float((predicted.double() - true.double()).square().mean())


def rmse(predicted: Tensor, true: Tensor) -> float:
    """√(mean of ε²)."""
    return float(mse(predicted, true) ** 0.5)


def mae(predicted: Tensor, true: Tensor) -> float:
    """The mean of |ε|."""
    return float((predicted.double() - true.double()).abs().mean())


def r2(predicted: Tensor, true: Tensor) -> float:
    """1 − Σε² / Σ(y − mean(y))², the mean over the columns: 1 is exact, 0 as good as the mean.

    A column whose y are all the same has none and is left out; NaN where every column is such.
    """
    p, y = (x.double().reshape(len(x), -1) for x in (predicted, true))
    spread = (y - y.mean(0)).square().sum(0)
    return float((1 - (p - y).square().sum(0) / torch.where(spread > 0, spread, torch.nan)).nanmean())


def max_error(predicted: Tensor, true: Tensor) -> float:
    """The largest |ε|."""
    return float((predicted.double() - true.double()).abs().max())


def sequence_accuracy(predicted: Tensor, true: Tensor, sample: Tensor) -> float:
    """The share of samples in which every step is right; `sample` says which one each value is of."""
    wrong = torch.unique(sample[predicted != true]).numel()
    return float(1 - wrong / max(1, torch.unique(sample).numel()))


METRICS: Mapping[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": accuracy,
    "error": error,
    "f1": f1,
    "mse": mse,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "max_error": max_error,
}


def chosen_metrics(config: TrainConfig) -> list[tuple[str, str, str]]:
    """(name to show, output, metric); the output's name is left out when only one is trained."""
    found = []
    for output, kind in target_kinds(config).items():
        default = ("r2",) if kind == "numbers" else ("accuracy",)
        for metric in default if config.metrics is None else config.metrics:
            if metric_fits(metric, kind):
                found.append((metric if len(config.losses) == 1 else f"{output}.{metric}", output, metric))
    return found
