"""A training that is killed at any moment and resumed ends, bit by bit, where one left alone does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("kill_and_resume.py")

NET = """
netspec: 1
name: killed
inputs: {image: [1, 8, 8]}
layers:
  conv: {type: conv2d, out_channels: 4, kernel_size: 3}
  bn: batch_norm2d
  relu: relu
  flat: flatten
  drop: {type: dropout, p: 0.3}
  fc1: {type: linear, out_features: 32}
  tanh: tanh
  fc2: {type: linear, out_features: 10}
outputs: {logits: fc2}
data: {source: digits, standardize: true}
train:
  loss: cross_entropy
  optimizer: %s
  schedule: {type: cosine, warmup_epochs: 1.5}
  clip: 1.0
  batch_size: 50
  epochs: 20
  stop: {patience: 15, settle: {tolerance: 1e-9}}
  precision: float32
  seed: 3
"""


def train(spec: Path, folder: Path, seed: int, signal: str, count: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), str(spec), str(folder), str(seed), signal, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return found


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "metrics.jsonl").read_text()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text.splitlines()]


@pytest.mark.parametrize(
    ("optimizer", "seed"),
    [pytest.param("{type: nag, lr: 0.05}", 1, marks=pytest.mark.slow), ("{type: adamw, lr: 2e-3}", 2)],
)
def test_killed_and_resumed(tmp_path: Path, optimizer: str, seed: int) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET % optimizer)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    train(spec, alone, seed, "SIGKILL", 0)
    found = train(spec, killed, seed, "SIGKILL", 5)
    assert any(batch for _, batch in found["points"]), "no checkpoint fell into the middle of an epoch"
    assert sorted(found["points"]) == found["points"]
    for name in ("last.safetensors", "best.safetensors"):
        assert (alone / name).read_bytes() == (killed / name).read_bytes(), name
    assert lines(alone) == lines(killed)
    assert not list(killed.glob(".*.part"))


@pytest.mark.slow
def test_ctrl_c_saves_and_the_rest_is_the_same(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET % "{type: sgd, lr: 0.05, momentum: 0.9}")
    alone, stopped = tmp_path / "alone", tmp_path / "stopped"
    train(spec, alone, 1, "SIGINT", 0)
    found = train(spec, stopped, 4, "SIGINT", 3)  # each ends with 130
    assert len(set(map(tuple, found["points"]))) == 3
    assert (alone / "last.safetensors").read_bytes() == (stopped / "last.safetensors").read_bytes()
    assert lines(alone) == lines(stopped)
