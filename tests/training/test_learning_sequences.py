"""Recurrent networks learn their tasks: a small version of each file in architectures/, in seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.training import train as loop
from netspec.training.generate import Generated, Writing
from netspec.training.predict import predict
from netspec.training.runs import Run

LAST = """
netspec: 1
name: small
inputs: {{x: [T, {size}], lengths: {{shape: [], dtype: int64}}}}
layers:
  net: {{type: {kind}, returns: {returns}, from: {{input: x, lengths: lengths}}}}
  fc: {{type: linear, out_features: {outputs}}}
outputs: {{y: fc}}
data: {{source: {source}}}
train: {{loss: {loss}, optimizer: {{type: adam, lr: {lr}}}, clip: 1.0, batch_size: {batch}, epochs: {epochs},
         metrics: [{metrics}]}}
"""
CHARACTERS = """
netspec: 1
name: characters
inputs: {{x: {{shape: [T], dtype: int64}}}}
layers:
  embed: {{type: embedding, num_embeddings: 30, embedding_dim: 16}}
  net: {{type: {kind}, hidden: 32}}
  fc: {{type: linear, out_features: 30}}
outputs: {{next: fc}}
data: {{source: {{type: text, path: a.txt, length: 50}}}}
train: {{loss: cross_entropy, optimizer: {{type: adam, lr: 2e-2}}, clip: 1.0, bptt: 20, batch_size: 8, epochs: {epochs},
         metrics: [bits_per_character, accuracy]}}
"""
TEXT = "the quick brown fox jumps over the lazy dog; " * 120


def train(text: str, folder: Path, **more: Any) -> Run:
    graph = netspec.load(text, folder=folder)
    return loop.train(graph, run=folder / more.pop("run", "r"), device="cpu", **more)


def small(folder: Path, **values: Any) -> dict[str, float]:
    return dict(train(LAST.format(**values), folder).results["test"])


def test_the_embedded_reber_grammar(tmp_path: Path) -> None:
    found = small(
        tmp_path,
        size=7,
        kind="lstm, hidden: 16",
        returns="sequence",
        outputs=7,
        loss="logistic",
        lr=0.03,
        source="{type: reber, samples: 800}",
        batch=32,
        epochs=14,
        metrics="sequence_accuracy",
    )
    assert found["sequence_accuracy"] > 0.9  # half of all strings without the symbol from the beginning
    text = "BTBPVVET"
    x = np.array([[[s == c for c in "BTPSXVE"] for s in text]], np.float32)
    np.savez(tmp_path / "x.npz", x=x, lengths=[len(text)])
    row = predict(tmp_path / "r", tmp_path / "x.npz", device="cpu").to_dict()[0]  # type: ignore[index]
    assert row["y"]["class"] == ["T P", "B", "T P", "T V", "P V", "E", "T", "E"]


def test_adding(tmp_path: Path) -> None:
    found = small(
        tmp_path,
        size=2,
        kind="lstm, hidden: 32, init: {b_f: 3.0}",
        returns="last",
        outputs=1,
        loss="squared",
        lr=0.01,
        source="{type: adding, length: 20, samples: 3000}",
        batch=32,
        epochs=14,
        metrics="mae, max_error",
    )
    assert found["mae"] < 0.05  # 0.16 for the mean of all targets


def test_adding_by_a_plain_recurrent_network(tmp_path: Path) -> None:
    found = small(
        tmp_path,
        size=2,
        kind="rnn, hidden: 32, init: {W: orthogonal}",
        returns="last",
        outputs=1,
        loss="squared",
        lr=3e-3,
        source="{type: adding, length: 20, samples: 3000}",
        batch=32,
        epochs=16,
        metrics="mae",
    )
    assert found["mae"] < 0.08


def test_timing_with_peepholes(tmp_path: Path) -> None:
    found = small(
        tmp_path,
        size=1,
        kind="lstm_peephole, hidden: 8",
        returns="sequence",
        outputs=1,
        loss="squared",
        lr=0.02,
        source="{type: msd, period: 6, spikes: 5, samples: 500}",
        batch=16,
        epochs=20,
        metrics="max_error",
    )
    assert found["max_error"] < 0.49  # solved, as the paper has it


@pytest.mark.parametrize("kind", ["lstm", "sru"])
def test_characters(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    run = train(CHARACTERS.format(kind=kind, epochs=8), tmp_path)
    assert run.results["test"]["bits_per_character"] < 1  # 4.4 for the shares of the characters alone
    found = predict(run.path, "the quick ", device="cpu", writing=Writing(35, 0.0))
    assert isinstance(found, Generated)
    assert found.text.startswith("brown fox")


def test_what_is_generated_is_what_the_whole_text_would_give(tmp_path: Path) -> None:
    from netspec.training.trained import load_run

    (tmp_path / "a.txt").write_text(TEXT)
    run = train(CHARACTERS.format(kind="lstm", epochs=1), tmp_path)
    found = predict(run.path, "the ", device="cpu", writing=Writing(60, 0.0))
    loaded = load_run(run.path)
    symbols = loaded.preprocess.inputs["x"].symbols
    text = "the "
    with torch.no_grad():
        for _ in range(60):
            codes = torch.tensor([[symbols.index(c) for c in text]])
            text += symbols[int(loaded.module(codes)[0, -1, : len(symbols)].argmax())]
    assert isinstance(found, Generated) and found.text == text[4:]


@pytest.mark.slow
def test_killed_and_resumed_in_the_middle_of_a_text(tmp_path: Path) -> None:
    """In processes of their own, killed at any moment: the same weights, bit by bit."""
    import subprocess

    (tmp_path / "a.txt").write_text(TEXT * 2)
    spec = tmp_path / "net.yaml"
    spec.write_text(CHARACTERS.format(kind="lstm", epochs=12))
    script = Path(__file__).with_name("kill_and_resume.py")
    points = []
    for folder, kills in (("alone", 0), ("killed", 4)):
        command = [sys.executable, str(script), str(spec), str(tmp_path / folder), "1", "SIGKILL", str(kills)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["code"] == 0, done.stderr
        points += found["points"]
    assert any(batch for _, batch in points), "no checkpoint fell into the middle of an epoch"
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name
