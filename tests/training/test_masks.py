"""Padding changes nothing: losses, metrics, means over parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netspec.data.parts import DataPart
from netspec.data.preprocess import OutputRule
from netspec.data.targets import NO_CLASS
from netspec.recipe.config import TrainConfig
from netspec.recipe.losses.absolute import Absolute
from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.losses.epsilon_insensitive import EpsilonInsensitive
from netspec.recipe.losses.hinge import Hinge
from netspec.recipe.losses.logistic import Logistic
from netspec.recipe.losses.squared import Squared
from netspec.recipe.metrics.base import Predicted
from netspec.recipe.metrics.sequence_accuracy import SequenceAccuracy
from netspec.recipe.read import read_train
from netspec.shapes.dim import symbol
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.text import Source
from netspec.source.tree import Map, parse
from netspec.training.batches import Batches
from netspec.training.objective import loss_function
from netspec.training.score import Scorer

CPU = torch.device("cpu")
LENGTHS = [3, 7, 1, 5]
STEPS = max(LENGTHS)
rng = np.random.default_rng(0)
KEPT = np.arange(STEPS) < np.array(LENGTHS)[:, None]
OUT = rng.normal(size=(4, STEPS, 6))
SIGNS = np.where(rng.random((4, STEPS, 6)) < 0.5, -1.0, 1.0)
CLASSES = rng.integers(0, 6, (4, STEPS))

LOSSES = [
    Squared(),
    Absolute(),
    EpsilonInsensitive(0.3),
    Logistic(),
    Hinge(),
    CrossEntropy(),
    CrossEntropy(0.2, weight=1.5),
]


def longer(x: Tensor, more: int, fill: float) -> Tensor:
    return torch.cat([x, x.new_full((len(x), more, *x.shape[2:]), fill)], 1)


def targets(loss: Any) -> tuple[Any, float]:
    """Without what does not count, and what stands there instead."""
    return (CLASSES, NO_CLASS) if isinstance(loss, CrossEntropy) else (SIGNS, float("nan"))


def masked(loss: Any) -> Tensor:
    whole, fill = targets(loss)
    return torch.tensor(np.where(KEPT if whole.ndim == 2 else KEPT[..., None], whole, fill))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda c: type(c).__name__)
def test_the_mean_is_over_the_steps_with_a_target(loss: Any) -> None:
    whole, _ = targets(loss)
    expected = loss_function(loss)(torch.tensor(OUT[KEPT]), torch.tensor(whole[KEPT]))
    found = loss_function(loss, 2, masked=True)(torch.tensor(OUT), masked(loss))
    assert found.item() == expected.item()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("more", [1, 4, 100])
def test_more_padding_changes_no_bit(loss: Any, more: int) -> None:
    function = loss_function(loss, 2, masked=True)
    _, fill = targets(loss)
    x, wide = torch.tensor(OUT, requires_grad=True), longer(torch.tensor(OUT), more, 1e30).requires_grad_()
    value, same = function(x, masked(loss)), function(wide, longer(masked(loss), more, fill))
    assert value.item() == same.item()
    value.backward()
    same.backward()
    assert x.grad is not None and wide.grad is not None
    assert torch.equal(wide.grad[:, :STEPS], x.grad)
    assert (wide.grad[:, STEPS:] == 0).all()
    assert (x.grad[torch.tensor(~KEPT)] == 0).all()


def test_classes_along_axis_1() -> None:
    function = loss_function(CrossEntropy(), 1, masked=True)
    same = loss_function(CrossEntropy(), 2, masked=True)
    y = masked(CrossEntropy())
    assert function(torch.tensor(OUT).movedim(2, 1), y).item() == same(torch.tensor(OUT), y).item()


# over a whole part


def config(loss: str, metrics: str) -> TrainConfig:
    tree = parse(Source("net.yaml", f"loss: {loss}\nmetrics: [{metrics}]\nbatch_size: 1"))
    assert isinstance(tree, Map)
    return read_train(tree, {"y": TensorType((BATCH, symbol("T"), 6))})


def part(loss: Any, more: int = 0) -> DataPart:
    """Three times the samples, so that there is more than one batch."""
    _, fill = targets(loss)
    x, y = longer(torch.tensor(OUT), more, 7.0).tile(3, 1, 1), longer(masked(loss), more, fill)
    y = torch.cat([y, y, y])
    return DataPart({"x": x.float().numpy()}, {"y": y.numpy() if y.dtype == torch.int64 else y.float().numpy()}, 12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_metrics_of_classes(size: int) -> None:
    """In batches of 4, 8 and 12 (four times the size): the mean is over steps, not over batches."""
    rule = OutputRule("classes", tuple("abcdef"), 2, masked=True)
    names = "accuracy, f1, sequence_accuracy, bits_per_character"
    found = []
    for more in (0, 9):
        scorer = Scorer.of(config("cross_entropy", names), {"y": rule}, 1, CPU)
        found.append(scorer.score(nn.Identity(), Batches.of(part(CrossEntropy(), more), size, CPU)))
    said = OUT.argmax(2)
    right = said == CLASSES
    z = OUT.astype(np.float32).astype(np.float64)
    log2 = (z - np.log(np.exp(z).sum(2, keepdims=True))) / np.log(2)
    bits = -np.take_along_axis(log2, CLASSES[..., None], 2)[..., 0][KEPT].mean()
    for values in found:
        assert values["accuracy"] == pytest.approx(right[KEPT].mean())
        assert values["sequence_accuracy"] == np.mean([r[:n].all() for r, n in zip(right, LENGTHS, strict=True)])
        assert values["bits_per_character"] == pytest.approx(bits, rel=1e-6)
        assert values["loss"] == pytest.approx(bits * np.log(2), rel=1e-6)


def test_metrics_of_sets_of_symbols() -> None:
    rule = OutputRule("signs", ("0", "1"), masked=True)
    x = np.where(KEPT[..., None], SIGNS, OUT).astype(np.float32)  # all right where it counts
    x[1, 2, 3] *= -1  # but for one value
    _, fill = targets(Logistic())
    y = np.where(KEPT[..., None], SIGNS, fill).astype(np.float32)
    scorer = Scorer.of(config("logistic", "accuracy, sequence_accuracy"), {"y": rule}, 1, CPU)
    found = scorer.score(nn.Identity(), Batches.of(DataPart({"x": x}, {"y": y}, 4), 1, CPU))
    assert found["sequence_accuracy"] == 0.75
    assert found["accuracy"] == pytest.approx(1 - 1 / (sum(LENGTHS) * 6))


def test_metrics_of_numbers() -> None:
    rule = OutputRule("numbers", masked=True)
    scorer = Scorer.of(config("squared", "mae, max_error, r2"), {"y": rule}, 1, CPU)
    found = scorer.score(nn.Identity(), Batches.of(part(Squared()), 1, CPU))
    error = np.abs(OUT - SIGNS)[KEPT]
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-6)
    assert found["max_error"] == pytest.approx(error.max(), rel=1e-6)
    assert np.isfinite(found["r2"])


def test_sequence_accuracy() -> None:
    sample = torch.tensor([0, 0, 1, 1, 1, 2])
    part = Predicted(torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([1, 2, 3, 9, 5, 6]), sample)
    assert SequenceAccuracy().value(part) == pytest.approx(2 / 3)


def test_a_batch_is_cut_to_its_longest_where_the_network_is_told_the_lengths() -> None:
    lengths = np.array(LENGTHS)
    y = masked(CrossEntropy()).numpy()
    whole = DataPart({"x": OUT.astype(np.float32), "lengths": lengths}, {"y": y, "one": y[:, :1]}, 4, lengths)
    batches = Batches.of(whole, 2, CPU)
    for [x, told], found in batches.shuffled(0, 0):
        assert x.shape[1] == found["y"].shape[1] == told.max() < STEPS or told.max() == STEPS
        assert found["one"].shape == (2, 1)
        assert (found["y"] != NO_CLASS).sum(1).tolist() == told.tolist()
    assert batches.take(torch.tensor([0, 1]), slice(2, 6))[0][1].tolist() == [1, 4]
