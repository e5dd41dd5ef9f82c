"""Odd but plausible data and files end in a message, never in a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec import NetspecError
from netspec.train.loop import train
from netspec.train.predict import predict

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
    with pytest.raises(NetspecError, match="NS604 an input holds a number that the network has no entry for"):
        train(netspec.load(TOKENS, folder=tmp_path), run=tmp_path / "run", device="cpu")


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
