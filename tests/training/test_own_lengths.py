"""Own sequences with lengths: what stands behind the end counts in nothing, and nothing is said of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.data.split import split_indices
from netspec.report.predictions import show_predictions
from netspec.training.evaluate import ClassReport, NumberReport, evaluate
from netspec.training.model import META
from netspec.training.predict import Predictions, predict
from netspec.training.train import train
from netspec.training.trained import load_run

NET = """
netspec: 1
name: own
inputs: {x: [T, 2], n: {shape: [], dtype: int64}}
layers:
  rnn: {type: gru, hidden: 4, from: {input: x, lengths: n}}
  y: {type: linear, out_features: SIZE}
outputs: {y: y}
data: {source: {type: npz, path: own.npz}, split: {train: 0.5, test: 0.5}MORE}
train: {loss: LOSS, epochs: 2, batch_size: 8}
"""
N, STEPS = 40, 9
rng = np.random.default_rng(1)
LENGTHS = rng.integers(1, STEPS, N)
KEPT = np.arange(STEPS) < LENGTHS[:, None]
X = rng.normal(size=(N, STEPS, 2)).astype(np.float32)
CLASSES = rng.integers(0, 3, (N, STEPS))
NUMBERS = rng.normal(size=(N, STEPS, 3)).astype(np.float32)


def written(folder: Path, loss: str, y: Any, size: int = 3, more: str = "", x: Any = X) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "own.npz", x=x, n=LENGTHS, y=y)
    text = NET.replace("SIZE", str(size)).replace("LOSS", loss).replace("MORE", more)
    train(netspec.load(text, folder=folder), run=folder / "run", device="cpu")
    return folder / "run"


def ended(y: Any, fill: Any) -> Any:
    return np.where(KEPT.reshape(*KEPT.shape, *[1] * (y.ndim - 2)), y, fill)


@pytest.mark.parametrize(
    ("loss", "y", "fills", "more"),
    [
        ("cross_entropy", CLASSES, (0, 2, -1, 77), ""),
        ("cross_entropy", np.array(["no", "yes", "perhaps"])[CLASSES], ("no", "PAD"), ""),
        ("squared", NUMBERS, (0, np.nan, 1e9), ""),
        ("squared", NUMBERS, (0, np.nan), ", standardize: both"),
        ("logistic", np.sign(NUMBERS), (1, -1, 0), ""),
    ],
    ids=["classes", "words", "numbers", "standardized", "signs"],
)
def test_padding_counts_in_nothing(tmp_path: Path, loss: str, y: Any, fills: Any, more: str) -> None:
    """Whatever stands there, in targets and in x: the same weights, bit by bit, and the same figures."""
    found = []
    for i, fill in enumerate(fills):
        run = written(tmp_path / str(i), loss, ended(y, fill), more=more, x=ended(X, i).astype(np.float32))
        evaluation = evaluate(run, device="cpu").to_dict()
        evaluation.pop("run")
        found.append(((run / "last.safetensors").read_bytes(), str(evaluation)))
    assert all(one == found[0] for one in found)


def said(run: Path, n: int) -> tuple[torch.Tensor, Any]:
    """What the network says of the test part, and which samples those are."""
    trained = load_run(run)
    rows = split_indices(N, {"train": 0.5, "validation": 0.0, "test": 0.5}, 0, None)["test"]
    assert len(rows) == n
    with torch.inference_mode():
        return trained.module(torch.from_numpy(X[rows]), torch.from_numpy(LENGTHS[rows])), rows


def test_evaluation_is_over_the_steps_that_are_there(tmp_path: Path) -> None:
    run = written(tmp_path, "cross_entropy", CLASSES)
    found = evaluate(run, device="cpu")
    out, rows = said(run, 20)
    true, kept = torch.from_numpy(CLASSES[rows]), torch.from_numpy(KEPT[rows])
    report = found.outputs["y"]
    assert isinstance(report, ClassReport) and report.confusion is not None
    assert report.confusion.sum() == LENGTHS[rows].sum()
    assert report.accuracy == (out.argmax(2) == true)[kept].double().mean().item()
    assert found.loss == pytest.approx(F.cross_entropy(out[kept], true[kept]).item(), rel=1e-5)


@pytest.mark.parametrize("y", [NUMBERS[..., :1], NUMBERS[..., 0]], ids=["(N, T, 1)", "(N, T)"])
def test_numbers_of_steps(tmp_path: Path, y: Any) -> None:
    run = written(tmp_path, "squared", y, size=1)
    report = evaluate(run, device="cpu").outputs["y"]
    out, rows = said(run, 20)
    error = (out[..., 0].numpy() - NUMBERS[rows][..., 0])[KEPT[rows]].astype(np.float64)
    assert isinstance(report, NumberReport)
    assert report.mse == pytest.approx((error**2).mean(), rel=1e-5)
    spread = NUMBERS[rows][..., 0][KEPT[rows]].astype(np.float64)
    assert report.r2 == pytest.approx(1 - (error**2).sum() / ((spread - spread.mean()) ** 2).sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "y", "size"),
    [
        ("cross_entropy", CLASSES, 3),
        ("squared", NUMBERS, 3),
        ("logistic", CLASSES // 2, 1),
        ("squared", NUMBERS[..., 0], 1),
    ],
    ids=["classes", "numbers", "signs", "number"],
)
def test_predictions_stop_at_the_length(tmp_path: Path, loss: str, y: Any, size: int) -> None:
    run = written(tmp_path, loss, y, size)
    trained = load_run(run)
    model = netspec.to_onnx(trained.spec, trained.module)
    entry = model.metadata_props.add()
    entry.key, entry.value = META, trained.preprocess.to_json()
    onnx.save(model, tmp_path / "m.onnx")
    lengths = np.array([7, 3, 1, 9])
    np.savez(tmp_path / "new.npz", x=X[:4], n=lengths)
    np.savez(tmp_path / "whole.npz", x=X[:4], n=np.full(4, STEPS))  # a GRU of one direction: the same beginnings
    whole = predict(run, tmp_path / "whole.npz", device="cpu")
    assert isinstance(whole, Predictions)
    for which in (run, tmp_path / "m.onnx"):
        found = predict(which, tmp_path / "new.npz", device="cpu")
        assert isinstance(found, Predictions)
        for row, all_, n in zip(found.to_dict(), whole.to_dict(), lengths, strict=True):
            assert row["y"].keys() == all_["y"].keys()
            for key, value in row["y"].items():
                assert len(value) == n and len(all_["y"][key]) == STEPS
                if key == "class":
                    assert value == all_["y"][key][:n]
                else:
                    np.testing.assert_allclose(value, all_["y"][key][:n], rtol=1e-5, atol=1e-6)


def test_one_target_a_sample_is_whole(tmp_path: Path) -> None:
    """(N, 9) numbers of a network with 9 steps are 9 numbers of each sample."""
    np.savez(tmp_path / "own.npz", x=X, n=LENGTHS, y=rng.normal(size=(N, STEPS)))
    text = NET.replace("SIZE", str(STEPS)).replace("LOSS", "squared").replace("MORE", "").replace("[T, 2]", "[9, 2]")
    graph = netspec.load(text.replace("hidden: 4", "hidden: 4, returns: last"), folder=tmp_path)
    train(graph, run=tmp_path / "run", device="cpu")
    rule = load_run(tmp_path / "run").preprocess.outputs["y"]
    assert not rule.masked and rule.lengths == ""


@pytest.mark.parametrize("wrong", [0, STEPS + 1])
def test_lengths_that_no_sequence_has(tmp_path: Path, wrong: int) -> None:
    lengths = LENGTHS.copy()
    lengths[5] = wrong
    np.savez(tmp_path / "own.npz", x=X, n=lengths, y=CLASSES)
    text = NET.replace("SIZE", "3").replace("LOSS", "cross_entropy").replace("MORE", "")
    with pytest.raises(NetspecError) as error:
        train(netspec.load(text, folder=tmp_path), run=tmp_path / "run", device="cpu")
    expected = f"NS604 input `n`: length {wrong} (sample 6) is out of range: the sequences of `x` have 1 to 9 steps"
    assert expected in str(error.value)


def test_sets_without_symbols_and_symbols_without_ink(tmp_path: Path) -> None:
    rows = [{"y": {"class": ["P E", "", "X"]}}, {"y": {"class": ["\n", " ", "a b"]}}]
    out = io.StringIO()
    show_predictions(Console(file=out, width=60), Predictions(("0", "1"), tuple(rows)))
    assert "P E, –, X" in out.getvalue() and "⏎, ␣, a b" in out.getvalue()
    assert Predictions(("0",), (rows[0],)).to_dict()[0]["y"]["class"] == ["P E", "", "X"]
