"""The mean loss of a part is each output's mean over its own targets, whatever the batches and the order of outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec import NetspecError
from netspec.data.parts import DataPart
from netspec.data.preprocess import OutputRule
from netspec.data.targets import NO_CLASS
from netspec.recipe.config import Measured
from netspec.recipe.losses.absolute import Absolute
from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.losses.hinge import Hinge
from netspec.recipe.losses.logistic import Logistic
from netspec.recipe.losses.squared import Squared
from netspec.recipe.metrics.mae import Mae
from netspec.training.batches import Batches
from netspec.training.evaluate import evaluate
from netspec.training.objective import Losses, loss_function
from netspec.training.run_data import dataset_of
from netspec.training.score import Scorer
from netspec.training.train import train

CPU = torch.device("cpu")
N, STEPS = 53, 12
KINDS = {"cls": "classes", "tag": "classes", "size": "numbers", "flag": "signs"}
NET = """
netspec: 1
name: several
inputs:
  x: [T, 3]
  lengths: {shape: [], dtype: int64}
layers:
  rnn: {type: gru, hidden: 6, from: {input: x, lengths: lengths}}
  tag: {type: linear, out_features: 4}
  size: {type: linear, out_features: 2, from: rnn}
  enc: {type: gru, hidden: 6, returns: last, from: {input: x, lengths: lengths}}
  cls: {type: linear, out_features: 2}
  flag: {type: linear, out_features: 1, from: enc}
outputs: {OUTPUTS}
data: {source: {type: npz, path: d.npz}, split: {train: 0.6, validation: 0.2, test: 0.2}}
train:
  loss: {cls: cross_entropy, tag: {type: cross_entropy, weight: 0.7}, size: {type: squared, weight: 3}, flag: logistic}
  epochs: 2
  batch_size: SIZE
  optimizer: {type: sgd, lr: LR}
  metrics: [accuracy, bits_per_character, mae]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the samples have one step: tags and sizes are mostly of the others."""
    rng = np.random.default_rng(2)
    lengths = np.where(rng.random(N) < 0.5, 1, rng.integers(2, STEPS + 1, N))
    found = tmp_path_factory.mktemp("several")
    np.savez(found / "d.npz", x=rng.normal(size=(N, STEPS, 3)).astype("f4"), lengths=lengths,
             tag=rng.integers(0, 4, (N, STEPS)), cls=rng.integers(0, 2, N), flag=rng.integers(0, 2, N),
             size=rng.normal(size=(N, STEPS, 2)) + 5 * (lengths == 1)[:, None, None])  # fmt: skip
    return found


def text(size: int, order: str = "cls tag size flag", lr: str = "0.01") -> str:
    outputs = ", ".join(f"{name}: {name}" for name in order.split())
    losses = dict(
        part.split(": ", 1)
        for part in (
            "cls: cross_entropy",
            "tag: {type: cross_entropy, weight: 0.7}",
            "size: {type: squared, weight: 3}",
            "flag: logistic",
        )
    )
    spec = NET.replace("OUTPUTS", outputs).replace("SIZE", str(size)).replace("LR", lr)
    head, _, rest = spec.partition("  loss: ")
    wanted = ", ".join(f"{n}: {losses[n]}" for n in order.split())
    return f"{head}  loss: {{{wanted}}}\n{rest.partition(chr(10))[2]}"


def by_hand(module: nn.Module, part: DataPart) -> dict[str, float]:
    """The definition in NumPy, one sample after the other."""
    said: dict[str, list[Any]] = {name: [] for name in KINDS}
    true: dict[str, list[Any]] = {name: [] for name in KINDS}
    for i in range(part.count):
        inputs = [torch.from_numpy(np.ascontiguousarray(x[i : i + 1])) for x in part.inputs.values()]  # type: ignore[index]
        length = int(inputs[1])
        with torch.no_grad():
            outputs = module(*inputs)
        for name in KINDS:
            y, z = part.targets[name][i], outputs[name][0].double().numpy()
            if name in ("tag", "size"):
                y, z = y[:length], z[:length]
            true[name].append(np.atleast_1d(y) if name != "size" else y)
            said[name].append(z if name in ("tag", "size") else z[None])
    z = {name: np.concatenate(v) for name, v in said.items()}
    y = {name: np.concatenate(v) for name, v in true.items()}
    found = {}
    for name in ("cls", "tag"):
        log_p = z[name] - np.log(np.exp(z[name]).sum(1, keepdims=True))
        found[name] = -log_p[np.arange(len(log_p)), y[name]].mean()
    found["size"] = ((z["size"] - y["size"]) ** 2).mean()
    found["flag"] = np.log1p(np.exp(-z["flag"].ravel() * y["flag"].ravel())).mean()
    loss = found["cls"] + 0.7 * found["tag"] + 3 * found["size"] + found["flag"]
    return {
        "loss": loss,
        "cls.accuracy": (z["cls"].argmax(1) == y["cls"]).mean(),
        "tag.accuracy": (z["tag"].argmax(1) == y["tag"]).mean(),
        "flag.accuracy": ((z["flag"].ravel() > 0) == (y["flag"].ravel() > 0)).mean(),
        "cls.bits_per_character": found["cls"] / np.log(2),
        "tag.bits_per_character": found["tag"] / np.log(2),
        "size.mae": np.abs(z["size"] - y["size"]).mean(),
    }


def parts_of(graph: netspec.Graph) -> dict[str, DataPart]:
    return dataset_of(graph, *graph.learning()).parts


def loaded(run: Path) -> nn.Module:
    from netspec.training.trained import load_run

    return load_run(run).module


@pytest.mark.parametrize("order", ["cls tag size flag", "tag flag cls size", "size tag flag cls"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_every_part_against_numpy(folder: Path, tmp_path: Path, order: str, size: int) -> None:
    graph = netspec.load(text(size, order), folder=folder)
    run = train(graph, run=tmp_path / "r", device="cpu")
    module, parts = loaded(tmp_path / "r"), parts_of(graph)
    for name, figures in run.results.items():
        expected = by_hand(module, parts[name])
        assert figures == pytest.approx({k: expected[k] for k in figures}, rel=1e-5)
        assert figures.keys() == expected.keys()
    found = evaluate(tmp_path / "r", device="cpu")
    assert found.loss == pytest.approx(run.results["test"]["loss"], rel=1e-12)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_training_loss_of_an_epoch_against_numpy(folder: Path, tmp_path: Path, size: int) -> None:
    """With a rate that moves no weight the losses of all batches are of one network."""
    graph = netspec.load(text(size, lr="1e-30"), folder=folder)
    train(graph, run=tmp_path / "r", device="cpu")
    parts, module = parts_of(graph), loaded(tmp_path / "r")
    lines = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        assert line["loss"] == pytest.approx(by_hand(module, parts["train"])["loss"], rel=1e-5)
        assert line["validation"]["loss"] == pytest.approx(by_hand(module, parts["validation"])["loss"], rel=1e-5)
    assert json.loads((tmp_path / "r" / "run.json").read_text())["best_epoch"] == 1


@pytest.mark.parametrize("size", [1, 4, 100])
def test_pieces_of_sequences(folder: Path, tmp_path: Path, size: int) -> None:
    """With `bptt`: pieces in which one output has targets and the other has none any more, and the last, short ones."""
    spec = text(size, "tag size", "1e-30").replace("batch_size:", "bptt: 5\n  batch_size:")
    graph = netspec.load(spec, folder=folder)
    train(graph, run=tmp_path / "r", device="cpu")
    part, module = parts_of(graph)["train"], loaded(tmp_path / "r")
    x, lengths = (torch.from_numpy(np.asarray(x)) for x in part.inputs.values())
    with torch.no_grad():
        found = module(x, lengths)
    kept = np.arange(STEPS) < lengths.numpy()[:, None]
    z = found["tag"].double().numpy()[kept]
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    expected = -0.7 * log_p[np.arange(len(z)), part.targets["tag"][kept]].mean()
    expected += 3 * ((found["size"].double().numpy() - part.targets["size"])[kept] ** 2).mean()
    lines = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == pytest.approx([expected] * 2, rel=1e-5)


@pytest.mark.parametrize("loss", [Squared(), Absolute(), Logistic(), Hinge(), CrossEntropy()])
def test_a_batch_without_any_target_counts_in_nothing(loss: Any) -> None:
    """Its loss is 0 and so is its gradient, where the mean of nothing is NaN."""
    classes = isinstance(loss, CrossEntropy)
    y = torch.full((2, 3), NO_CLASS) if classes else torch.full((2, 3, 4), torch.nan)
    x = torch.randn(2, 3, 4, requires_grad=True)
    value = loss_function(loss, 2, masked=True)(x, y)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    assert x.grad is not None and not x.grad.any()
    [count] = Losses({"y": loss_function(loss, 2, masked=True)}, frozenset({"y"}), True).counts({"y": y})
    assert int(count) == 0


class Both(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"a": x, "b": x}


def test_an_output_with_targets_in_some_batches_only() -> None:
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=(10, 2, 1)).astype("f4"), rng.normal(size=(10, 2, 1)).astype("f4")
    b = np.full_like(a, np.nan)
    b[4, 1], b[5, 0] = 3, -1
    rules = {n: OutputRule("numbers", masked=True) for n in "ab"}
    losses = Losses({n: loss_function(Squared(), 1, masked=True) for n in "ab"}, frozenset("ab"), False)
    scorer = Scorer(losses, torch.no_grad, rules, [Measured("b.mae", "b", Mae())], [], None)
    expected = ((x - a) ** 2).mean() + ((x[4, 1, 0] - 3) ** 2 + (x[5, 0, 0] + 1) ** 2) / 2
    for size in (1, 2, 10):
        found = scorer.score(Both(), Batches.of(DataPart({"x": x}, {"a": a, "b": b}, 10), size, CPU))
        assert found["loss"] == pytest.approx(expected, rel=1e-6)
        assert found["b.mae"] == pytest.approx((abs(x[4, 1, 0] - 3) + abs(x[5, 0, 0] + 1)) / 2, rel=1e-6)
    with pytest.raises(NetspecError, match="NS607 output `b` has no target in any of 10 samples"):
        scorer.score(Both(), Batches.of(DataPart({"x": x}, {"a": a, "b": np.full_like(a, np.nan)}, 10), 2, CPU))
