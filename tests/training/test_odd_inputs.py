"""Odd but plausible data and files end in a message, never in a traceback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import netspec
from netspec import NetspecError
from netspec.training.model import META
from netspec.training.predict import predict
from netspec.training.train import train
from netspec.training.trained import load_run

FLOWERS = """
netspec: 1
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 5}}
outputs: {species: fc}
data: {source: iris}
train: {loss: cross_entropy, epochs: 2}
"""
TOKENS = """
netspec: 1
inputs: {tokens: {shape: [7], dtype: int64}}
layers:
  embed: {type: embedding, num_embeddings: 10, embedding_dim: 4}
  mean: {type: mean, dim: 1}
  fc: {type: linear, out_features: 2}
outputs: {y: fc}
data: {source: {type: npz, path: tokens.npz}}
train: {loss: cross_entropy, epochs: 2}
"""


def test_more_outputs_than_classes_are_called_by_their_number(tmp_path: Path) -> None:
    train(netspec.load(FLOWERS), run=tmp_path / "run", device="cpu")
    table = tmp_path / "new.csv"
    table.write_text("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3.4,1.5,0.2\n")
    [row] = predict(tmp_path / "run", table).rows
    assert list(row["species"]["probabilities"]) == ["setosa", "versicolor", "virginica", "3", "4"]


def test_an_index_beyond_the_embedding(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 12, (60, 7))
    np.savez(tmp_path / "tokens.npz", tokens=tokens, y=tokens[:, 0] % 2)
    with pytest.raises(NetspecError) as error:
        train(netspec.load(TOKENS, folder=tmp_path), run=tmp_path / "run", device="cpu")
    text = "number 10 (sample 1) is out of range: its embedding has entries 0 to 9, the numbers run from 0 to 11"
    assert f"<text>:9:16: NS604 input `tokens`: {text}\n" in str(error.value)
    assert "help: count from 0, or give the embedding `num_embeddings: 12`" in str(error.value)
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())


def test_an_index_beyond_the_embedding_of_a_trained_network(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tokens = np.random.default_rng(0).integers(0, 10, (60, 7))
    np.savez(tmp_path / "tokens.npz", tokens=tokens, y=tokens[:, 0] % 2)
    graph = netspec.load(TOKENS, folder=tmp_path)
    train(graph, run=tmp_path / "run", device="cpu")
    trained = load_run(tmp_path / "run")
    model = netspec.to_onnx(trained.spec, trained.module)
    entry = model.metadata_props.add()
    entry.key, entry.value = META, trained.preprocess.to_json()
    onnx.save(model, tmp_path / "m.onnx")
    tokens[3, 2], tokens[3, 5] = -1, 4
    np.savez(tmp_path / "new.npz", tokens=tokens)
    capfd.readouterr()
    for name in ("run", "m.onnx"):
        with pytest.raises(NetspecError, match=r"NS632 input `tokens`: number -1 \(sample 4\) is out of range"):
            predict(tmp_path / name, tmp_path / "new.npz", device="cpu")
    plain = replace(trained.preprocess, inputs={"tokens": replace(trained.preprocess.inputs["tokens"], entries=0)})
    entry.value = plain.to_json()  # as an index is where something is computed from the input first
    onnx.save(model, tmp_path / "m.onnx")
    tokens[3, 2] = 99
    np.savez(tmp_path / "new.npz", tokens=tokens)
    with pytest.raises(NetspecError, match="NS632 the model cannot take this input"):
        predict(tmp_path / "m.onnx", tmp_path / "new.npz", device="cpu")
    assert capfd.readouterr().err == ""


def test_a_broken_line_of_metrics_is_left_out(tmp_path: Path) -> None:
    train(netspec.load(FLOWERS), run=tmp_path / "run", device="cpu")
    metrics = tmp_path / "run" / "metrics.jsonl"
    whole = metrics.read_text()
    metrics.write_bytes(whole.encode() + b'[1, 2]\n{"a": 1}\n\xff\xfe\n')
    train(netspec.load(FLOWERS), run=tmp_path / "run", resume=True, device="cpu")
    assert metrics.read_text() == whole


def test_a_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npz"
    np.savez_compressed(path, tokens=np.arange(420).reshape(60, 7) % 9, y=np.zeros(60, np.int64))
    data = bytearray(path.read_bytes())
    data[60:110] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(NetspecError, match="NS602"):
        train(netspec.load(TOKENS, folder=tmp_path), run=tmp_path / "run", device="cpu")
