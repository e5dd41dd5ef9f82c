"""What a training reports, in this order, and how a console shows it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.training import loop as trainer
from netspec.training.events import Began, Event, Finished, Stepped, StepsEnded, Validated
from netspec.training.train import train

NET = """netspec: 1
name: net
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
data: {source: iris, split: {train: 0.6, validation: 0.4}}
train: {loss: cross_entropy, epochs: 2, batch_size: 30, optimizer: {type: sgd, lr: 0.1}}
"""


def test_events_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    events: list[Event] = []
    run = train(netspec.load(NET), run=tmp_path / "run", device="cpu", listener=events.append)
    began, *between, ended, finished = events
    assert began == Began("net", tmp_path / "run", 15, {"train": (90, "samples"), "validation": (60, "samples")},
                          "cpu", 2, 3, 0, [])  # fmt: skip
    assert (ended, finished) == (StepsEnded(), Finished(run))
    steps = [(e.epoch, e.batch) for e in between if isinstance(e, Stepped)]
    assert steps == sorted(steps) and {(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)} <= set(steps)
    validated = [e.figures for e in between if isinstance(e, Validated)]
    assert len(validated) == 2 and validated[1].keys() == {"loss", "accuracy"}


def test_a_resumed_run_says_after_which_epoch(tmp_path: Path) -> None:
    for expected in ((None, True), (2, False)):
        events: list[Event] = []
        train(netspec.load(NET), run=tmp_path / "run", resume=True, device="cpu", listener=events.append)
        [began] = [e for e in events if isinstance(e, Began)]
        assert (began.resumed_after, began.nothing_to_resume) == expected


def test_the_live_line_is_gone_when_a_training_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)
    text = NET.replace("lr: 0.1", "lr: 1e30").replace("cross_entropy", "squared").replace("iris", "diabetes")
    text = text.replace("[4]", "[10]").replace("out_features: 3", "out_features: 1")
    with pytest.raises(NetspecError, match="NS623"):
        netspec.train(netspec.load(text), run=tmp_path / "run", device="cpu", console=console)
    hidden, shown = out.getvalue().rfind("\x1b[?25l"), out.getvalue().rfind("\x1b[?25h")
    assert 0 <= hidden < shown
