"""Metrics against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import scipy.special
import sklearn.metrics as sk
import torch

from netspec.data.preprocess import OutputRule
from netspec.recipe.metrics.base import METRICS, LossMetric, Predicted, PredictionMetric
from netspec.training.evaluate import ClassReport, report

rng = np.random.default_rng(2)
TRUE = rng.integers(0, 5, 300)
PREDICTED = np.where(rng.random(300) < 0.6, TRUE, rng.integers(0, 4, 300))
NUMBERS, GUESS = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))


def part(predicted: Any, true: Any) -> Predicted:
    sample = torch.arange(len(true)).reshape(-1, *[1] * (true.ndim - 1)).expand(true.shape)
    return Predicted(torch.tensor(predicted), torch.tensor(true), sample)


LOGITS = rng.normal(size=(300, 5))
STEPS = PREDICTED.reshape(100, 3), TRUE.reshape(100, 3)  # of 100 sequences
CASES: dict[str, tuple[Any, Any, float]] = {
    "accuracy": (PREDICTED, TRUE, sk.accuracy_score(TRUE, PREDICTED)),
    "error": (PREDICTED, TRUE, sk.zero_one_loss(TRUE, PREDICTED)),
    "f1": (PREDICTED, TRUE, sk.f1_score(TRUE, PREDICTED, average="macro")),
    "mse": (GUESS, NUMBERS, sk.mean_squared_error(NUMBERS, GUESS)),
    "rmse": (GUESS, NUMBERS, sk.mean_squared_error(NUMBERS, GUESS) ** 0.5),
    "mae": (GUESS, NUMBERS, sk.mean_absolute_error(NUMBERS, GUESS)),
    "r2": (GUESS, NUMBERS, sk.r2_score(NUMBERS, GUESS)),
    "max_error": (GUESS[:, 0], NUMBERS[:, 0], sk.max_error(NUMBERS[:, 0], GUESS[:, 0])),
    "sequence_accuracy": (*STEPS, sk.accuracy_score(*[list(map(str, x.tolist())) for x in STEPS])),
    "bits_per_character": (LOGITS, TRUE, sk.log_loss(TRUE, scipy.special.softmax(LOGITS, 1)) / np.log(2)),
}


@pytest.mark.parametrize("name", METRICS)
def test_against_scikit_learn(name: str) -> None:
    predicted, true, expected = CASES[name]
    metric = METRICS[name]()
    if isinstance(metric, LossMetric):
        value = metric.loss().to_torch()(torch.tensor(predicted), torch.tensor(true)).item() / metric.unit
    else:
        assert isinstance(metric, PredictionMetric)
        value = metric.value(part(predicted, true))
    assert value == pytest.approx(expected)


def test_report_of_classes() -> None:
    names = tuple("abcdef")  # nothing is of the last class
    found = report(OutputRule("classes", names), part(PREDICTED, TRUE))
    assert isinstance(found, ClassReport) and found.confusion is not None
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(TRUE, PREDICTED, labels=range(6)))
    p, r, f, s = sk.precision_recall_fscore_support(TRUE, PREDICTED, labels=range(6), zero_division=0)
    for ours, theirs in ((found.precision, p), (found.recall, r), (found.class_f1, f), (found.support, s)):
        np.testing.assert_allclose(ours, theirs)
