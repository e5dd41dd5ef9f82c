"""`train --from`: a run begins with the weights of another network; killed early, it begins with the same again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.source.errors import NetspecError
from netspec.training import train as training
from netspec.training.info import BegunFrom
from netspec.training.runs import INITIAL
from netspec.training.start import Start

NET = """netspec: 1
name: net
vars: {width: 8}
inputs: {image: [1, 8, 8]}
layers:
  flat: flatten
  a: {type: linear, out_features: $width}
  relu: relu
  b: {type: linear, out_features: 10}
outputs: {digit: b}
data: {source: digits, standardize: true}
train: {loss: cross_entropy, optimizer: adam, batch_size: 64, epochs: 2}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A netspec file, and a run of it."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    netspec.train(netspec.load("net.yaml"), run="old")
    return tmp_path


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["train", "net.yaml", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_wider_run_begins_where_the_old_one_was(folder: Path) -> None:
    status, text, _ = run("--set", "width=12", "--from", "old", "--run", "new")
    assert status == 0 and "keeps the function: yes" in text
    info = json.loads(Path("new/run.json").read_text())["begun_from"]
    assert info["source"] == "old" and len(info["sha256"]) == 64
    assert info["tensors"] == {"carried": 1, "sliced": 0, "widened": 3, "initialised": 0, "dropped": 0}
    first = json.loads(Path("new/metrics.jsonl").read_text().splitlines()[0])
    last = json.loads(Path("old/metrics.jsonl").read_text().splitlines()[-1])
    assert first["loss"] < last["loss"]


def test_killed_before_its_first_checkpoint_it_begins_with_the_same_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--set", "width=12", "--from", "old", "--run", "whole", "-q")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_run", killed)
        run("--set", "width=12", "--from", "old", "--run", "killed", "-q")
    assert not Path("killed/checkpoint.safetensors").exists()
    assert run("--set", "width=12", "--run", "killed", "--resume", "-q")[0] == 0
    whole, resumed = load_file("whole/best.safetensors"), load_file("killed/best.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("lost", [(INITIAL,), ("spec.yaml", "run.json", "preprocess.json", "data.safetensors")])
def test_what_was_lost_before_the_first_checkpoint(folder: Path, lost: tuple[str, ...]) -> None:
    run("--from", "old", "--run", "new", "-q")
    for name in ("checkpoint", "best", "last"):
        Path(f"new/{name}.safetensors").unlink()
    for name in lost:
        Path(f"new/{name}").unlink()
    Path("new/metrics.jsonl").unlink()
    Path("new/curves.png").unlink()
    status, _, problem = run("--run", "new", "--resume", "-q")
    if INITIAL in lost:
        assert status == 1 and "was begun with the weights of old, which are not in its initial.safetensors" in problem
    else:  # it was killed when its first file was there
        assert status == 0 and json.loads(Path("new/run.json").read_text())["begun_from"]["source"] == "old"


def test_a_run_of_an_older_netspec_has_no_such_field(folder: Path) -> None:
    info = json.loads(Path("old/run.json").read_text())
    del info["begun_from"]
    Path("old/run.json").write_text(json.dumps(info))
    assert run("--from", "old", "--run", "new", "-q")[0] == 0


def test_errors_of_usage(folder: Path) -> None:
    for args in (["--from", "old", "--resume", "--run", "old"], ["--of", "net.yaml"], ["--noise", "0.1"]):
        assert run(*args)[0] == 2, args


def test_weights_of_which_nothing_fits(folder: Path) -> None:
    Path("other.yaml").write_text(
        "netspec: 1\nname: other\ninputs: {x: [3, 8, 8]}\nlayers:\n"
        "  c: {type: conv2d, out_channels: 3, kernel_size: 3}\n"
        "  p: global_avg_pool2d\n  n: {type: layer_norm}\noutputs: {y: n}\n"
    )
    save_file(netspec.to_torch(netspec.load("other.yaml")).state_dict(), "other.safetensors")
    status, _, problem = run("--from", "other.safetensors", "--of", "other.yaml", "--run", "new")
    assert status == 1 and "NS641 no tensor of other fits net" in problem
    assert not Path("new").exists()


def test_the_start_is_held_to_the_network(folder: Path) -> None:
    start = Start({"a.weight": torch.zeros(8, 64)}, BegunFrom("x", "0" * 64, {}, False))
    with pytest.raises(NetspecError, match="these weights are another network's"):
        netspec.train(netspec.load("net.yaml"), run="new", start=start)
