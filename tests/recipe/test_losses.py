"""Each loss against its formula in NumPy, and its gradient against differences of that formula."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netspec.recipe.losses.absolute import Absolute
from netspec.recipe.losses.base import LOSSES
from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.losses.epsilon_insensitive import EpsilonInsensitive
from netspec.recipe.losses.hinge import Hinge
from netspec.recipe.losses.logistic import Logistic
from netspec.recipe.losses.squared import Squared
from netspec.training.objective import Losses, loss_function

rng = np.random.default_rng(0)
OUT = rng.normal(size=(7, 1))
NUMBERS = rng.normal(size=(7, 1))
SIGNS = np.where(rng.random((7, 1)) < 0.5, -1.0, 1.0)
LOGITS = rng.normal(size=(7, 4))
CLASSES = rng.integers(0, 4, 7)


def cross_entropy(smoothing: float) -> Callable[[Any, Any], Any]:
    def value(z: Any, y: Any) -> Any:
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        target = np.eye(4)[y] * (1 - smoothing) + smoothing / 4
        return -(target * log_p).sum(1).mean()

    return value


CASES = [
    (Squared(), lambda a, y: ((a - y) ** 2).mean(), OUT, NUMBERS),
    (Absolute(), lambda a, y: np.abs(a - y).mean(), OUT, NUMBERS),
    (EpsilonInsensitive(0.3), lambda a, y: np.maximum(0, np.abs(a - y) - 0.3).mean(), OUT, NUMBERS),
    (Logistic(), lambda g, y: np.log(1 + np.exp(-g * y)).mean(), OUT, SIGNS),
    (Hinge(), lambda g, y: np.maximum(0, 1 - g * y).mean(), OUT, SIGNS),
    (CrossEntropy(), cross_entropy(0.0), LOGITS, CLASSES),
    (CrossEntropy(0.2), cross_entropy(0.2), LOGITS, CLASSES),
]


def test_every_loss_has_a_formula_here() -> None:
    assert {loss.name for loss, *_ in CASES} == set(LOSSES)


@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize(("loss", "formula", "output", "target"), CASES, ids=lambda c: type(c).__name__)
def test_value_and_gradient(
    loss: Any, formula: Callable[[Any, Any], Any], output: Any, target: Any, weight: float
) -> None:
    weighted = type(loss)(**{**vars(loss), "weight": weight})
    x = torch.tensor(output, requires_grad=True)
    value = loss_function(weighted)(x, torch.tensor(target))
    assert value.item() == pytest.approx(weight * formula(output, target), rel=1e-12)
    value.backward()
    step = 1e-6
    for index in np.ndindex(output.shape):
        shift = np.zeros_like(output)
        shift[index] = step
        slope = weight * (formula(output + shift, target) - formula(output - shift, target)) / (2 * step)
        assert x.grad is not None
        assert x.grad[index].item() == pytest.approx(slope, abs=1e-8)


def test_classes_along_the_last_axis() -> None:
    z, y = rng.normal(size=(2, 5, 4)), rng.integers(0, 4, (2, 5))
    value = loss_function(CrossEntropy(), class_axis=2)(torch.tensor(z), torch.tensor(y))
    assert value.item() == pytest.approx(cross_entropy(0.0)(z.reshape(10, 4), y.reshape(10)))


def test_several_outputs_are_summed_with_their_weights() -> None:
    functions = {"a": loss_function(Squared()), "b": loss_function(Logistic(weight=0.5))}
    outputs = {"a": torch.tensor(OUT), "b": torch.tensor(OUT), "free": torch.zeros(1)}
    found = Losses(functions, frozenset(), False).each(outputs, {"a": torch.tensor(NUMBERS), "b": torch.tensor(SIGNS)})
    expected = ((OUT - NUMBERS) ** 2).mean() + 0.5 * np.log(1 + np.exp(-OUT * SIGNS)).mean()
    assert found.sum().item() == pytest.approx(expected)


def test_logistic_does_not_overflow() -> None:
    value = loss_function(Logistic())(torch.tensor([[1000.0]]), torch.tensor([[-1.0]]))
    assert value.item() == 1000.0
