"""Numbers that an embedding has no entry for are named where they stand, however they come to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec import NetspecError
from netspec.data.preprocess import Preprocess
from netspec.training.entries import Entries, entries_of
from netspec.training.model import META
from netspec.training.predict import predict
from netspec.training.train import train
from netspec.training.trained import load_run

TWO = """
netspec: 1
inputs: {x: {shape: [2], dtype: int64}}
layers:
  a: {type: slice, dim: 1, stop: 1, from: x}
  ea: {type: embedding, num_embeddings: 5, embedding_dim: 3}
  b: {type: slice, dim: 1, start: 1, from: x}
  eb: {type: embedding, num_embeddings: 9, embedding_dim: 3}
  cat: {type: concat, dim: 2, from: [ea, eb]}
  flat: flatten
  fc: {type: linear, out_features: 2}
data: {source: {type: csv, path: d.csv, target: y}, split: {train: 1}}
train: {loss: cross_entropy, epochs: 1}
"""


def layers(inputs: str, text: str) -> dict[str, Entries]:
    return entries_of(netspec.load(f"netspec: 1\ninputs: {inputs}\nlayers:\n{text}\n"))


@pytest.mark.parametrize(
    ("inputs", "text", "expected"),
    [
        ("{x: {shape: [T], dtype: int64}}", "  e: {type: embedding, num_embeddings: 7, embedding_dim: 2}", {"x": 7}),
        ("{x: {shape: [], dtype: int32}}", "  e: {type: embedding, num_embeddings: 7, embedding_dim: 2}", {"x": 7}),
        (
            "{x: {shape: [2, 3], dtype: int64}}",
            "  t: {type: permute, dims: [0, 2, 1]}\n  s: {type: slice, dim: 1, start: 1, stop: 2}\n"
            "  e: {type: embedding, num_embeddings: 4, embedding_dim: 2}",
            {"x": (0, 4, 0, 0, 4, 0)},
        ),
        (
            "{x: {shape: [4], dtype: int64}}",
            "  r: {type: reshape, shape: [2, 2]}\n  e: {type: embedding, num_embeddings: 4, embedding_dim: 2}",
            {"x": 4},
        ),
        (
            "{x: {shape: [2], dtype: int64}, y: {shape: [1], dtype: int64}}",
            "  c: {type: concat, from: [x, y]}\n  s: {type: slice, dim: 1, start: 1}\n"
            "  e: {type: embedding, num_embeddings: 4, embedding_dim: 2}",
            {"x": (0, 4), "y": 4},
        ),
        (
            "{x: {shape: [2], dtype: int64}}",
            "  s: {type: slice, dim: 1, stop: 1}\n  e: {type: embedding, num_embeddings: 4, embedding_dim: 2}\n"
            "  f: {type: embedding, num_embeddings: 9, embedding_dim: 2, from: x}",
            {"x": (4, 9)},
        ),
        (
            "{x: {shape: [2], dtype: int64}, v: [T, 3]}",
            "  a: {type: add, from: [x, x]}\n  e: {type: embedding, num_embeddings: 4, embedding_dim: 2}",
            {},
        ),
    ],
)
def test_which_numbers_reach_an_embedding(inputs: str, text: str, expected: dict[str, Entries]) -> None:
    assert layers(inputs, text) == expected


def rows(folder: Path, *more: str) -> None:
    lines = [f"{i % 5},{i % 9},{'pq'[i % 2]}" for i in range(18)]
    (folder / "d.csv").write_text("a,b,y\n" + "\n".join([*lines, *more]) + "\n")


def test_a_column_that_layers_deal_to_its_own_embedding(tmp_path: Path) -> None:
    rows(tmp_path, "4,9,p", "5,8,q")
    graph = netspec.load(TWO, folder=tmp_path)
    with pytest.raises(NetspecError) as error:
        train(graph, run=tmp_path / "run", device="cpu")
    assert "d.csv:20:3: NS604 column 2, `b`, is 9, its embedding has entries 0 to 8" in str(error.value)
    assert "d.csv:21:1: NS604 column 1, `a`, is 5, its embedding has entries 0 to 4" in str(error.value)
    assert not (tmp_path / "run" / "spec.yaml").exists()


def test_a_run_and_its_model_refuse_them_too(tmp_path: Path) -> None:
    import onnx

    rows(tmp_path)
    train(netspec.load(TWO, folder=tmp_path), run=tmp_path / "run", device="cpu")
    trained = load_run(tmp_path / "run")
    assert Preprocess.from_json(trained.preprocess.to_json(), "p").inputs["x"].entries == (5, 9)
    model = netspec.to_onnx(trained.spec, trained.module)
    entry = model.metadata_props.add()
    entry.key, entry.value = META, trained.preprocess.to_json()
    onnx.save(model, tmp_path / "m.onnx")
    rows(tmp_path, "0,9,p")
    x = np.zeros((3, 2), np.int64)
    x[2] = 4, -1
    np.savez(tmp_path / "x.npz", x=x)
    for name in ("run", "m.onnx"):
        with pytest.raises(NetspecError, match=r"d.csv:20:3: NS604 column 2, `b`, is 9, its embedding"):
            predict(tmp_path / name, tmp_path / "d.csv", device="cpu")
        with pytest.raises(NetspecError) as error:
            predict(tmp_path / name, tmp_path / "x.npz", device="cpu")
        assert "NS632 input `x`: number -1 (sample 3, place 1) is out of range: its embedding" in str(error.value)
