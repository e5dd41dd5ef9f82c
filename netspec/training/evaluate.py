"""How good a trained network is on its test part."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netspec.data.location import hint_at, relocated
from netspec.data.preprocess import OutputRule
from netspec.recipe.metrics.accuracy import ClassAccuracy
from netspec.recipe.metrics.base import Predicted
from netspec.recipe.metrics.f1 import F1
from netspec.recipe.metrics.mae import Mae
from netspec.recipe.metrics.mse import Mse
from netspec.recipe.metrics.r2 import R2
from netspec.recipe.metrics.rmse import Rmse
from netspec.source.errors import NetspecError
from netspec.source.memory import memory
from netspec.training.batches import Batches
from netspec.training.device import pick_device
from netspec.training.info import SPEC
from netspec.training.run_data import dataset_of
from netspec.training.runs import read_fingerprint
from netspec.training.score import Scorer
from netspec.training.trained import load_run

MOST_CLASSES = 1000  # a confusion matrix of more is never looked at, and does not fit into memory


@dataclass(frozen=True)
class ClassReport:
    """Of one output with C classes.  `confusion[i, j]`: samples of class i that were taken for j; None for C > 1000.

    precision = right / predicted, recall = right / true, f1 = 2·right / (predicted + true), of numbers of samples; 0
    where the divisor is.
    """

    names: tuple[str, ...]
    accuracy: float
    f1: float
    confusion: NDArray[np.int64] | None
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    class_f1: NDArray[np.float64]
    support: NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        classes = [
            {"name": n, "precision": float(p), "recall": float(r), "f1": float(f), "samples": int(s)}
            for n, p, r, f, s in zip(self.names, self.precision, self.recall, self.class_f1, self.support, strict=True)
        ]
        confusion = None if self.confusion is None else self.confusion.tolist()
        return {"accuracy": self.accuracy, "f1": self.f1, "classes": classes, "confusion": confusion}


@dataclass(frozen=True)
class NumberReport:
    """Of one output of numbers, in the units of the data."""

    mse: float
    rmse: float
    mae: float
    r2: float

    def to_dict(self) -> dict[str, Any]:
        return {"mse": self.mse, "rmse": self.rmse, "mae": self.mae, "r2": self.r2}


@dataclass(frozen=True)
class Evaluation:
    """`extent`: how much the part holds, in samples or characters; `metrics`: those of `train`; `outputs`: output name
    -> report; `notes`: what whoever reads it has to know."""

    path: Path
    name: str
    samples: int
    loss: float
    extent: tuple[int, str]
    metrics: Mapping[str, float]
    outputs: Mapping[str, ClassReport | NumberReport]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        reports = {name: report.to_dict() for name, report in self.outputs.items()}
        return {
            "run": str(self.path),
            "part": "test",
            "samples": self.samples,
            "loss": self.loss,
            "metrics": dict(self.metrics),
            "outputs": reports,
        }


@memory("while evaluating", "the device", "lower `batch_size`")
def evaluate(run: Path | str, *, device: str = "auto", data_at: Path | str | None = None) -> Evaluation:
    """The best weights of a run on the test part of its data.

    Every sample is in the part that it was in when the run began; one that was not there is in none.
    `data_at`: where the data is now, or the folder that its path is relative to.
    Raises NS631 for what is no run, NS607 when it has no test part, and what reading the data raises.
    """
    trained = load_run(run)
    spec = trained.spec
    data, config = spec.learning(str(trained.path / SPEC))
    where = pick_device(device, config.precision)
    first = read_fingerprint(trained.path)
    with hint_at(spec.folder) if data_at is None else nullcontext():
        data = data if data_at is None else relocated(data, Path(data_at))
        dataset = dataset_of(spec, data, config, trained.preprocess, first, ("test",))
    changed = first.change(dataset.fingerprint)
    notes = trained.notes
    if changed:
        notes += (
            f"the data is not what the run began with: {changed}; tested on those of its test part that are left",
        )
    if "test" not in dataset.parts:
        raise NetspecError(
            "NS607",
            "the run has no test part",
            data.span_at("split"),
            hint="give `test` a share of `split`, and train again",
        )
    part = dataset.parts["test"]
    rules = dataset.preprocess.outputs
    scorer = Scorer.of(config, rules, len(spec.outputs), where)
    module = trained.module.to(where)
    batches = Batches.of(part, config.batch_size, where)
    means, predicted = scorer.collect(module, batches, set(rules))
    figures = scorer.figures(means, predicted)
    reports = {name: report(rule, predicted[name]) for name, rule in rules.items()}
    return Evaluation(trained.path, spec.name, part.count, figures.pop("loss"), batches.extent, figures, reports, notes)


def report(rule: OutputRule, part: Predicted) -> ClassReport | NumberReport:
    """What stands in the table of one output."""
    if rule.kind == "numbers":
        return NumberReport(*[metric.value(part) for metric in (Mse(), Rmse(), Mae(), R2())])
    part = Predicted(*[x.reshape(-1).cpu() for x in part])
    predicted, true, _ = part
    # A network may have more outputs than the data has classes: those are called by their number.
    names = (*rule.names, *map(str, range(len(rule.names), int(predicted.max()) + 1)))
    count = len(names)
    confusion = None
    if count <= MOST_CLASSES:
        confusion = torch.bincount(true * count + predicted, minlength=count * count).reshape(count, count).numpy()
    right = torch.bincount(true[predicted == true], minlength=count).numpy()
    taken_for = torch.bincount(predicted, minlength=count).numpy()
    support = torch.bincount(true, minlength=count).numpy()
    return ClassReport(
        names,
        ClassAccuracy().value(part),
        F1().value(part),
        confusion,
        _ratio(right, taken_for),
        _ratio(right, support),
        _ratio(2 * right, taken_for + support),
        support,
    )


def _ratio(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)
