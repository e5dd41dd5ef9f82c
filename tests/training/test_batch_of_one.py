"""A batch of one sample: an error at the layer where batch norm has no variance, an ordinary batch everywhere else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.training.train import train

NET = """
netspec: 1
name: one
inputs: {INPUT}
layers:
LAYERS
  fc: {type: linear, out_features: 2}
outputs: {y: fc}
data: {source: {type: npz, path: d.npz}, split: {train: 1, validation: 0, test: 0}}
train: {loss: cross_entropy, epochs: 2, batch_size: SIZE, optimizer: sgdMORE}
"""
DENSE = ("x: [4]", "  bn: batch_norm1d")
STEPS = ("x: [3, T]", "  bn: batch_norm1d\n  pool: {type: mean, dim: 2}")
IMAGE = ("x: [3, 4, 4]", "  bn: batch_norm2d\n  flat: flatten")
POINT = ("x: [3, 4, 4]", "  pool: global_avg_pool2d\n  bn: batch_norm1d")
STATELESS = ("x: [4]", "  bn: {type: batch_norm1d, affine: false, momentum: null}")
FROZEN = ("x: [4]", "  bn: {type: batch_norm1d, freeze: true}")
PLAIN = ("x: [4]", "  act: tanh")


def net(folder: Path, parts: tuple[str, str], count: int, size: int, steps: int = 5, more: str = "") -> netspec.Graph:
    rng = np.random.default_rng(0)
    shape = {"x: [4]": (4,), "x: [3, T]": (3, steps), "x: [3, 4, 4]": (3, 4, 4)}[parts[0]]
    np.savez(folder / "d.npz", x=rng.normal(size=(count, *shape)).astype("f4"), y=np.arange(count) % 2)
    text = NET.replace("INPUT", parts[0]).replace("LAYERS", parts[1]).replace("SIZE", str(size)).replace("MORE", more)
    return netspec.load(text, folder=folder)


def steps_of(run: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("parts", [DENSE, POINT, STATELESS, FROZEN], ids=["dense", "point", "stateless", "frozen"])
def test_batches_of_one_are_refused_at_the_layer(tmp_path: Path, parts: tuple[str, str]) -> None:
    graph = net(tmp_path, parts, 6, 1)
    with pytest.raises(NetspecError) as error:
        train(graph, run=tmp_path / "r", device="cpu")
    span = graph["bn"].span
    assert span is not None
    assert f"{span}: NS612 `bn` normalises over the batch: one sample has one value" in str(error.value)
    assert "help: make `batch_size` 2 or more" in str(error.value)
    assert not (tmp_path / "r" / "checkpoint.safetensors").exists()


def test_a_training_part_of_one_sample(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match="NS607 `bn` normalises over the batch"):
        train(net(tmp_path, DENSE, 1, 8), run=tmp_path / "r", device="cpu")


def test_one_position_of_a_symbolic_axis(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match="NS612 `bn` normalises over the batch"):
        train(net(tmp_path, STEPS, 6, 1, steps=1), run=tmp_path / "r", device="cpu")


@pytest.mark.parametrize("parts", [STEPS, IMAGE], ids=["steps", "image"])
def test_one_sample_of_several_positions_is_a_batch(tmp_path: Path, parts: tuple[str, str]) -> None:
    train(net(tmp_path, parts, 5, 1), run=tmp_path / "a", device="cpu")
    assert steps_of(tmp_path / "a") == [5, 10]
    train(net(tmp_path, parts, 5, 2), run=tmp_path / "b", device="cpu")
    assert steps_of(tmp_path / "b") == [3, 6]  # the last of one sample among them


def test_a_last_batch_of_one_is_left_out_where_batch_norm_needs_it_and_it_is_said(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200)
    netspec.train(net(tmp_path, DENSE, 7, 3), run=tmp_path / "a", device="cpu", console=console)
    assert steps_of(tmp_path / "a") == [2, 4]
    assert "each epoch leaves out 1 sample, another each time: batch norm has no variance" in out.getvalue()
    assert json.loads((tmp_path / "a" / "run.json").read_text())["left_out"] == 1


def test_nothing_is_left_out_elsewhere(tmp_path: Path) -> None:
    out = io.StringIO()
    netspec.train(net(tmp_path, PLAIN, 7, 3), run=tmp_path / "a", device="cpu", console=Console(file=out))
    assert steps_of(tmp_path / "a") == [3, 6]
    assert "leaves out" not in out.getvalue()
    assert json.loads((tmp_path / "a" / "run.json").read_text())["left_out"] == 0
    train(net(tmp_path, DENSE, 8, 3), run=tmp_path / "b", device="cpu")
    assert steps_of(tmp_path / "b") == [3, 6]  # a last batch of two has a variance


def test_a_run_on_one_sample(tmp_path: Path) -> None:
    run = train(net(tmp_path, PLAIN, 1, 8), run=tmp_path / "a", device="cpu")
    assert run.epochs == 2


def test_pieces_of_sequences(tmp_path: Path) -> None:
    """With `bptt` the last piece may be one step, and then one value a channel."""
    layers = "  turn: {type: permute, dims: [0, 2, 1]}\n  bn: batch_norm1d\n  back: {type: permute, dims: [0, 2, 1]}"
    rng = np.random.default_rng(0)
    text = NET.replace("INPUT", "x: [T, 3]").replace("LAYERS", layers).replace("SIZE", "1").replace("MORE", ", bptt: 3")
    for steps, fits in ((6, True), (7, False)):
        np.savez(tmp_path / "d.npz", x=rng.normal(size=(4, steps, 3)).astype("f4"), y=rng.integers(0, 2, (4, steps)))
        graph = netspec.load(text, folder=tmp_path)
        if fits:
            train(graph, run=tmp_path / str(steps), device="cpu")
        else:
            with pytest.raises(NetspecError, match="NS612 `bn` normalises over the batch"):
                train(graph, run=tmp_path / str(steps), device="cpu")
