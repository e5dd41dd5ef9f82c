"""Losses, metrics and splits on random data against scikit-learn, torch's own functions and plain NumPy."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
import torch.nn.functional as F
from torch import nn

from netspec.data.parts import DataPart
from netspec.data.preprocess import OutputRule
from netspec.data.split import split_indices
from netspec.data.targets import NO_CLASS
from netspec.recipe.config import Measured
from netspec.recipe.losses.absolute import Absolute
from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.losses.epsilon_insensitive import EpsilonInsensitive
from netspec.recipe.losses.hinge import Hinge
from netspec.recipe.losses.logistic import Logistic
from netspec.recipe.losses.squared import Squared
from netspec.recipe.metrics.base import METRICS, Predicted, PredictionMetric
from netspec.training.batches import Batches
from netspec.training.evaluate import ClassReport, NumberReport, report
from netspec.training.objective import Losses, loss_function
from netspec.training.score import Scorer

CPU = torch.device("cpu")
SEEDS = range(60)


def value(name: str, part: Predicted) -> float:
    metric = METRICS[name]()
    assert isinstance(metric, PredictionMetric)
    return metric.value(part)


@pytest.mark.parametrize("seed", SEEDS)
def test_class_metrics(seed: int) -> None:
    """Few samples, classes that are never true or never predicted, and more outputs than classes with names."""
    rng = np.random.default_rng(seed)
    classes, extra, n = int(rng.integers(2, 9)), int(rng.integers(0, 3)), int(rng.choice([1, 2, 7, 200]))
    true = rng.integers(0, classes, n)
    predicted = np.where(rng.random(n) < rng.random(), true, rng.integers(0, classes + extra, n))
    part = Predicted(torch.tensor(predicted), torch.tensor(true), torch.arange(n))
    assert value("accuracy", part) == pytest.approx(sk.accuracy_score(true, predicted))
    assert value("error", part) == pytest.approx(1 - sk.accuracy_score(true, predicted))
    assert value("f1", part) == pytest.approx(sk.f1_score(true, predicted, average="macro", zero_division=0))
    found = report(OutputRule("classes", tuple(map(str, range(classes)))), part)
    assert isinstance(found, ClassReport) and found.confusion is not None
    labels = range(len(found.names))
    assert len(labels) > predicted.max()
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(true, predicted, labels=labels))
    theirs = sk.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0)
    for ours, expected in zip((found.precision, found.recall, found.class_f1, found.support), theirs, strict=True):
        np.testing.assert_allclose(ours, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_number_metrics(seed: int) -> None:
    """One column or several, one that never changes, one sample."""
    rng = np.random.default_rng(seed)
    n, columns = int(rng.choice([1, 2, 5, 100])), int(rng.integers(1, 4))
    y = (rng.normal(size=(n, columns)) * 10.0 ** rng.integers(-3, 4)).astype("f4")
    z = (y + rng.normal(size=y.shape) * np.abs(y).mean()).astype("f4")
    if columns > 1 and rng.random() < 0.5:
        y[:, 0] = y[0, 0]
    part = Predicted(torch.tensor(z), torch.tensor(y), torch.arange(n))
    a, b = z.astype(float), y.astype(float)
    assert value("mse", part) == pytest.approx(sk.mean_squared_error(b, a))
    assert value("rmse", part) == pytest.approx(math.sqrt(sk.mean_squared_error(b, a)))
    assert value("mae", part) == pytest.approx(sk.mean_absolute_error(b, a))
    assert value("max_error", part) == pytest.approx(np.abs(a - b).max())
    found = report(OutputRule("numbers"), part)
    assert isinstance(found, NumberReport)
    varied = b.std(0) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.r2_score(b[:, varied], a[:, varied]) if varied.any() else math.nan
    assert found.r2 == pytest.approx(expected, nan_ok=True)


CASES = {
    "squared": (Squared(), lambda z, y: (z - y) ** 2, F.mse_loss),
    "absolute": (Absolute(), lambda z, y: np.abs(z - y), F.l1_loss),
    "epsilon": (EpsilonInsensitive(0.3), lambda z, y: np.maximum(0, np.abs(z - y) - 0.3), None),
    "logistic": (Logistic(), lambda z, y: np.logaddexp(0, -z * y), F.soft_margin_loss),
    "hinge": (Hinge(), lambda z, y: np.maximum(0, 1 - z * y), None),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_losses(seed: int) -> None:
    """With and without steps that do not count, weights, smoothing, and values as large as float32 has them."""
    rng = np.random.default_rng(seed)
    n, steps, width = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    scale, weight = 10.0 ** rng.integers(-3, 4), float(rng.uniform(0.1, 3))
    kept = rng.random((n, steps)) < 0.7
    kept[0, 0] = True
    z = rng.normal(size=(n, steps, width)) * scale
    for name, (loss, formula, theirs) in CASES.items():
        y = np.sign(rng.normal(size=z.shape)) if name in ("logistic", "hinge") else rng.normal(size=z.shape)
        weighted = type(loss)(**{**vars(loss), "weight": weight})
        whole = loss_function(weighted)(torch.tensor(z), torch.tensor(y)).item()
        assert whole == pytest.approx(weight * formula(z, y).mean(), rel=1e-9)
        if theirs is not None and np.abs(z).max() < 80:  # beyond, torch's soft_margin_loss is infinite
            assert whole == pytest.approx(weight * theirs(torch.tensor(z), torch.tensor(y)).item(), rel=1e-6)
        masked = torch.tensor(np.where(kept[..., None], y, np.nan))
        found = loss_function(weighted, 1, masked=True)(torch.tensor(z), masked).item()
        assert found == pytest.approx(weight * formula(z, y)[kept].mean(), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_cross_entropy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, steps, classes = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(2, 7))
    smoothing = float(rng.choice([0.0, 0.1, 0.5]))
    z = rng.normal(size=(n, steps, classes)) * 10.0 ** rng.integers(-2, 3)
    y = rng.integers(0, classes - 1, (n, steps))  # one class is missing
    kept = rng.random((n, steps)) < 0.7
    kept[0, 0] = True
    loss = CrossEntropy(smoothing)
    flat = torch.tensor(z[kept]), torch.tensor(y[kept])
    expected = F.cross_entropy(*flat, label_smoothing=smoothing).item()
    masked = torch.tensor(np.where(kept, y, NO_CLASS))
    assert loss_function(loss, 2, masked=True)(torch.tensor(z), masked).item() == pytest.approx(expected, rel=1e-9)
    turned = torch.tensor(z).movedim(2, 1)
    assert loss_function(loss, 1, masked=True)(turned, masked).item() == pytest.approx(expected, rel=1e-9)
    if not smoothing:
        shares = np.exp(z - z.max(2, keepdims=True))
        shares = np.clip(shares / shares.sum(2, keepdims=True), 1e-300, 1)[kept]
        by_hand = -np.log(shares[np.arange(len(shares)), y[kept]]).mean()
        assert expected == pytest.approx(by_hand, rel=1e-6)
        if len(shares) and np.exp(z).max() < 1e6:
            assert expected == pytest.approx(sk.log_loss(y[kept], shares, labels=range(classes)), rel=1e-6)


class Several(nn.Module):
    """The input in two widths: two outputs."""

    def forward(self, x: Any) -> dict[str, Any]:
        return {"a": x[..., :3], "b": x[..., 3:]}


@pytest.mark.parametrize("seed", range(30))
def test_the_mean_of_a_part(seed: int) -> None:
    """Two outputs with masks of their own: the loss and the metrics of the whole, in batches of any size."""
    rng = np.random.default_rng(seed)
    n, steps = int(rng.integers(1, 20)), int(rng.integers(1, 6))
    x = rng.normal(size=(n, steps, 5)).astype("f4")
    kept = {name: rng.random((n, steps)) < rng.uniform(0.05, 1) for name in "ab"}
    for mask in kept.values():
        mask[rng.integers(n), rng.integers(steps)] = True
    classes, numbers = rng.integers(0, 3, (n, steps)), rng.normal(size=(n, steps, 2)).astype("f4")
    part = DataPart(
        {"x": x},
        {"a": np.where(kept["a"], classes, NO_CLASS), "b": np.where(kept["b"][..., None], numbers, np.float32(np.nan))},
        n,
    )
    rules = {"a": OutputRule("classes", ("0", "1", "2"), 2, masked=True), "b": OutputRule("numbers", masked=True)}
    functions = {"a": loss_function(CrossEntropy(), 2, masked=True), "b": loss_function(Squared(weight=0.3), 1, True)}
    measured = (("a", "accuracy"), ("a", "f1"), ("b", "mae"), ("b", "r2"))
    metrics = [Measured(f"{output}.{name}", output, METRICS[name]()) for output, name in measured]
    z, y = x[..., :3][kept["a"]].astype(float), classes[kept["a"]]
    said, true = x[..., 3:][kept["b"]].astype(float), numbers[kept["b"]].astype(float)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    expected = {
        "loss": -log_p[np.arange(len(y)), y].mean() + 0.3 * ((said - true) ** 2).mean(),
        "a.accuracy": sk.accuracy_score(y, z.argmax(1)),
        "a.f1": sk.f1_score(y, z.argmax(1), average="macro", zero_division=0),
        "b.mae": sk.mean_absolute_error(true, said),
        "b.r2": sk.r2_score(true, said) if len(true) > 1 else math.nan,
    }
    for size in (1, 3, 50):
        scorer = Scorer(Losses(functions, frozenset("ab"), False), torch.no_grad, rules, metrics, [], None)
        assert scorer.score(Several(), Batches.of(part, size, CPU)) == pytest.approx(expected, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_splits(seed: int) -> None:
    """Every sample in one part; as many as the shares say; each class in proportion, as scikit-learn stratifies."""
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(20, 300)), int(rng.integers(1, 5))
    shares = dict(zip(("train", "validation", "test"), rng.dirichlet([5, 2, 2]).tolist(), strict=True))
    groups = rng.integers(0, classes, n) if rng.random() < 0.7 else None
    found = split_indices(n, shares, seed, groups)
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(n))
    kinds = 1 if groups is None else len(np.unique(groups))
    for name, rows in found.items():
        assert abs(len(rows) - shares[name] * n) <= kinds
        for kind in range(classes) if groups is not None else ():
            assert abs((groups[rows] == kind).sum() - shares[name] * (groups == kind).sum()) < 2
    again = split_indices(n, shares, seed, groups)
    assert all(np.array_equal(found[name], again[name]) for name in found)
