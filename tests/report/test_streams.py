"""Output that cannot be written ends in a line and an exit status, never in a traceback, and costs no training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

NET = """
netspec: 1
name: net
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
outputs: {species: fc}
data: {source: iris}
train: {loss: cross_entropy, epochs: 2}
"""
FULL = "netspec: standard output cannot be written: No space left on device\n"
CHEAP = ["layers", "--version", "validate net.yaml"]
MORE = ["layers conv2d", "schema", "--help", "summary net.yaml", "cells", "validate net.yaml --format json",
        "diff net.yaml other.yaml"]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    Path("other.yaml").write_text(
        NET.replace("type: linear, out_features: 3", "type: linear, out_features: 3, bias: false")
    )
    return tmp_path


def netspec(line: str, out: object = subprocess.PIPE, **more: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "netspec", *line.split()]
    done = subprocess.run(command, stdout=out, stderr=-1, encoding=more.get("PYTHONIOENCODING", "utf-8"), timeout=120,
                          env={**os.environ, **more})  # type: ignore[call-overload]  # fmt: skip
    return done.returncode, done.stderr


def closed_pipe() -> int:
    """The end to write to of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("line", [*CHEAP, *(pytest.param(line, marks=pytest.mark.slow) for line in MORE)])
def test_full(line: str) -> None:
    with Path("/dev/full").open("w") as full:
        assert netspec(line, full) == (1, FULL)


@pytest.mark.parametrize("line", ["layers", "validate net.yaml"])
def test_a_reader_that_has_had_enough(line: str) -> None:
    pipe = closed_pipe()
    try:
        assert netspec(line, pipe) == (1, "")
    finally:
        os.close(pipe)


def test_a_wrong_file_stays_wrong_where_nobody_can_be_told() -> None:
    command = [sys.executable, "-m", "netspec", "validate", "none.yaml"]
    for closed in (">&-", "2>&-", ">&- 2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"):
        done = subprocess.run(f"{' '.join(command)} {closed}", shell=True, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "Traceback" not in done.stderr + done.stdout, closed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_another_encoding_shows_a_stand_in(encoding: str) -> None:
    Path("net.yaml").write_text(NET.replace("name: net", "name: Größe·π"))
    for line in ("layers", "validate net.yaml", "summary net.yaml", "validate none·π.yaml"):
        code, err = netspec(line, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert code == int("none" in line) and "Traceback" not in err, line


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_training_goes_on_when_nobody_can_be_told() -> None:
    with Path("/dev/full").open("w") as full:
        assert netspec("train net.yaml --device cpu --run full", full) == (1, FULL)
        assert netspec("evaluate full", full) == (1, FULL)
    pipe = closed_pipe()
    try:
        assert netspec("train net.yaml --device cpu --run closed", pipe) == (1, "")
    finally:
        os.close(pipe)
    assert netspec("train net.yaml --device cpu --run shown") == (0, "")
    for run in ("full", "closed"):
        assert json.loads(Path(run, "run.json").read_text())["status"] == "finished"
        assert Path(run, "best.safetensors").read_bytes() == Path("shown/best.safetensors").read_bytes()


LONG = "n" * 300


@pytest.mark.parametrize(
    "line",
    [
        f"train net.yaml --run {LONG}",
        f"evaluate {LONG}",
        f"predict {LONG} x.csv",
        f"export {LONG} --onnx",
        f"diff {LONG} net.yaml",
        f"validate {LONG}",
        f"cells {LONG}:a",
        f"export net.yaml --onnx -o {LONG}",
    ],
)
def test_a_path_that_the_system_does_not_take(line: str) -> None:
    result = CliRunner().invoke(app, line.split())
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1 and "File name too long" in result.stderr
