"""A file compiled: each section is read once, by whoever asks for it first, and wrong ones are refused by all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netspec
from netspec import NetspecError
from netspec.cli import app
from netspec.data import config as data_config
from netspec.recipe import read as recipe_read
from netspec.training.evaluate import evaluate
from netspec.training.run_data import dataset_of

NET = """netspec: 1
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
data: {source: iris, split: {train: 0.6, test: 0.4}}
train: {loss: cross_entropy, epochs: 1}
"""
WRONG = NET.replace("0.6", "0.9").replace("epochs: 1", "epochs: 0")


def test_load_refuses_what_validate_refuses(tmp_path: Path) -> None:
    """With the same text: the problems of both sections at once, in the order of the file."""
    file = tmp_path / "net.yaml"
    file.write_text(WRONG)
    with pytest.raises(NetspecError) as error:
        netspec.load(file)
    assert [p.span.line for p in error.value.problems if p.span] == [4, 5]
    assert CliRunner().invoke(app, ["validate", str(file)]).stderr == f"{error.value}\n"


def test_sections_are_typed_and_know_their_places() -> None:
    spec = netspec.load(NET)
    data, train = spec.learning()
    assert (data.split.test, train.epochs) == (0.4, 1)
    assert str(data.span_at("split", "test")) == "<text>:4:48"
    assert str(train.span_at("optimizer", "lr")) == "<text>:5:8"
    again = spec.rebuilt(list(spec.nodes()), spec.outputs, {})
    assert again.learning() == (data, train)


def test_what_is_not_there_is_none() -> None:
    spec = netspec.load(NET[: NET.index("train: {loss")])
    assert spec.train is None and spec.data is not None
    with pytest.raises(NetspecError, match=r"^NS613 there is no `train` section\n"):
        spec.learning()


def test_a_network_alone_is_compiled_without_the_rooms_of_learning() -> None:
    code = (
        "import sys, netspec; netspec.load(sys.argv[1])\n"
        "assert not {'netspec.data.config', 'netspec.recipe.config', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, NET.partition("data:")[0]], check=True)


def test_a_run_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    for module, name in ((data_config, "read_data"), (recipe_read, "read_train")):
        read = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, read=read, name=name: (reads.append(name), read(*a))[1])
    spec = netspec.load(NET)
    run = netspec.train(spec, run=tmp_path / "run", device="cpu")
    assert reads == ["read_data", "read_train"]
    reads.clear()
    evaluate(run.path, device="cpu")
    assert reads == ["read_data", "read_train"]


def test_samples_of_a_spec() -> None:
    spec = netspec.load(NET)
    parts = dataset_of(spec, *spec.learning()).parts
    assert {name: part.count for name, part in parts.items()} == {"train": 90, "test": 60}
