"""`netspec migrate`: the table, the verdict, and the file that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.report.numbers import byte_size
from tests.migrate.pairs import lived

NET = """netspec: 1
name: net
vars: {width: 8, depth: 2}
inputs: {x: [3, 8, 8]}
blocks:
  basic:
    layers:
      body:
        type: residual
        layers:
          conv1: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1, bias: false}
          bn1: batch_norm2d
          relu: relu
          conv2: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1, bias: false}
          bn2: batch_norm2d
      relu: relu
layers:
  stem: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1}
  relu: relu
  stage: {type: basic, repeat: $depth}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
outputs: {y: fc}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A netspec file, and weights of it."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    save_file(lived(netspec.load("net.yaml")), "old.safetensors")
    return tmp_path


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["migrate", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_deeper_network(folder: Path) -> None:
    status, text, _ = run(
        "old.safetensors", "net.yaml", "--of", "net.yaml", "--set", "depth=3", "-o", "new.safetensors"
    )
    assert status == 0
    assert text == (
        "               tensors  parameters   share\n"
        "  carried           28       2,637  69.0 %  fc, stage.* (2), stem\n"
        "  initialised        7       1,168  30.6 %  stage.2.body.bn1, stage.2.body.conv1, stage.2.body.conv2\n"
        "  initialised        5          16   0.4 %  as zero, at the end of its branch: stage.2.body.bn2\n"
        "\n"
        "keeps the function: yes (no difference, 5 random inputs in float64)\n"
        "\n"
        f"new.safetensors: {byte_size(Path('new.safetensors').stat().st_size)}\n"
    )
    with safe_open("new.safetensors", "pt") as file:
        assert file.metadata()["netspec.from"] == "old.safetensors"
        assert netspec.load(file.metadata()["netspec.spec"]).name == "net"
        assert set(file.keys()) == set(netspec.to_torch(netspec.load("net.yaml", depth=3)).state_dict())


def test_migrated_weights_say_what_network_they_are_of(folder: Path) -> None:
    run("old.safetensors", "net.yaml", "--set", "depth=3", "--of", "net.yaml", "-o", "new.safetensors")
    status, text, _ = run("new.safetensors", "net.yaml", "--dry-run")
    assert status == 0 and "  dropped" in text and not Path("net.safetensors").exists()


def test_classes_that_came_are_said(folder: Path) -> None:
    status, text, _ = run(
        "old.safetensors", "net.yaml", "--of", "net.yaml", "--set", "layers.fc.out_features=7", "--dry-run"
    )
    assert status == 0
    assert "as a part of the new one: fc.weight 5×8 -> 7×8, fc.bias 5 -> 7" in text
    assert "keeps the function: yes" in text


def test_repeated_units_are_said_to_learn_alike(folder: Path) -> None:
    wider = ("old.safetensors", "net.yaml", "--of", "net.yaml", "--set", "width=12", "--dry-run")
    assert "Repeated units learn alike" in run(*wider)[1]
    noisy = run(*wider, "--noise", "0.01")[1]
    assert "keeps the function: but for the noise" in noisy and "Repeated units" not in noisy


@pytest.mark.parametrize("name", ["old.pt", "old.safetensors"])
def test_a_pickle_is_refused_under_any_name(folder: Path, name: str) -> None:
    torch.save({"fc.weight": torch.zeros(2)}, name)
    status, _, problem = run(name, "net.yaml")
    assert status == 1
    assert "is a pickle, which may run code, and is not read" in problem and "weights_only=True" in problem


@pytest.mark.parametrize("damage", [lambda data: data[:-4], lambda data: data[:6], lambda data: b"\xff" * 8 + data[8:]])
def test_a_file_that_is_not_as_long_as_its_header_says(folder: Path, damage: object) -> None:
    path = Path("old.safetensors")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]  # a function
    status, _, problem = run("old.safetensors", "net.yaml")
    assert status == 1 and "old.safetensors: NS622 is no safetensors file" in problem


def test_what_is_not_written(folder: Path) -> None:
    before = Path("old.safetensors").read_bytes()
    for out in ("old.safetensors", "./old.safetensors", "new.pt", "nowhere/"):
        status, _, problem = run("old.safetensors", "net.yaml", "-o", out)
        assert status == 1 and "NS624" in problem, out
    assert Path("old.safetensors").read_bytes() == before


def test_a_value_that_is_not_finite_is_refused(folder: Path) -> None:
    weights = lived(netspec.load("net.yaml"))
    weights["fc.bias"][2] = torch.nan
    save_file(weights, "old.safetensors")
    status, _, problem = run("old.safetensors", "net.yaml")
    assert status == 1 and "fc.bias holds NaN or infinity" in problem
