"""Metrics against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
import torch

from netspec.data.preprocess import OutputRule
from netspec.recipe.metrics.base import METRICS, Predicted, PredictionMetric
from netspec.training.evaluate import ClassReport, report

rng = np.random.default_rng(2)
TRUE = rng.integers(0, 5, 300)
PREDICTED = np.where(rng.random(300) < 0.6, TRUE, rng.integers(0, 4, 300))
NUMBERS, GUESS = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))


def part(predicted: Any, true: Any) -> Predicted:
    return Predicted(torch.tensor(predicted), torch.tensor(true), torch.arange(len(true)))


def value(name: str, predicted: Any, true: Any) -> float:
    metric = METRICS[name]()
    assert isinstance(metric, PredictionMetric)
    return metric.value(part(predicted, true))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", sk.accuracy_score(TRUE, PREDICTED)),
        ("error", 1 - sk.accuracy_score(TRUE, PREDICTED)),
        ("f1", sk.f1_score(TRUE, PREDICTED, average="macro")),
    ],
)
def test_classes(name: str, expected: float) -> None:
    assert value(name, PREDICTED, TRUE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", sk.mean_squared_error(NUMBERS, GUESS)),
        ("rmse", sk.mean_squared_error(NUMBERS, GUESS) ** 0.5),
        ("mae", sk.mean_absolute_error(NUMBERS, GUESS)),
        ("r2", sk.r2_score(NUMBERS, GUESS)),
    ],
)
def test_numbers(name: str, expected: float) -> None:
    assert value(name, GUESS, NUMBERS) == pytest.approx(expected)


def test_report_of_classes() -> None:
    names = tuple("abcdef")  # nothing is of the last class
    found = report(OutputRule("classes", names), part(PREDICTED, TRUE))
    assert isinstance(found, ClassReport) and found.confusion is not None
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(TRUE, PREDICTED, labels=range(6)))
    p, r, f, s = sk.precision_recall_fscore_support(TRUE, PREDICTED, labels=range(6), zero_division=0)
    for ours, theirs in ((found.precision, p), (found.recall, r), (found.class_f1, f), (found.support, s)):
        np.testing.assert_allclose(ours, theirs)
