"""Signals, and what a run says of itself after each way to end."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.training import loop as trainer
from netspec.training import run_data as samples
from netspec.training import runs, saving
from netspec.training import train as loop
from netspec.training.evaluate import evaluate
from netspec.training.info import read_info
from netspec.training.interrupt import SIGNALS, Ended
from netspec.training.loop import Trainer
from netspec.training.predict import predict
from netspec.training.runs import Run

NET = """
netspec: 1
name: net
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
outputs: {species: fc}
data: {source: iris}
train: {loss: cross_entropy, optimizer: {type: sgd, lr: 0.1}, epochs: 4}
"""


@pytest.fixture(autouse=True)
def quiet_signals(tmp_path: Path) -> Iterator[None]:
    """As they are by default, and afterwards as they were, which a training has to see to itself."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with chdir(tmp_path):  # not by monkeypatch, which the tests undo
        yield
    after = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before


def train(folder: Path | None = Path("r"), **more: Any) -> Run:
    return netspec.train(netspec.load(NET), run=folder, device="cpu", **more)


def info(folder: Path = Path("r")) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], None], count: int = 1) -> None:
    """Call `act` after the `count`-th call of a function."""
    plain, calls = getattr(owner, name), []

    def call(*given: Any, **more: Any) -> Any:
        found = plain(*given, **more)
        calls.append(1)
        if len(calls) == count:
            act()
        return found

    monkeypatch.setattr(owner, name, call)


def same_as_alone() -> None:
    train(Path("alone"))
    for name in ("last.safetensors", "best.safetensors"):
        assert Path("r", name).read_bytes() == Path("alone", name).read_bytes()


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_saves(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    after(monkeypatch, Trainer, "_close_epoch", lambda: signal.raise_signal(number), 2)
    run = train()
    assert (run.status, run.signal, run.epochs) == ("interrupted", number, 2)
    assert (info()["status"], info()["reason"], info()["epochs"]) == ("interrupted", "interrupted", 2)
    monkeypatch.undo()
    assert train(resume=True).status == "finished"
    same_as_alone()


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_at_once_and_says_so(
    monkeypatch: pytest.MonkeyPatch, first: signal.Signals, second: signal.Signals
) -> None:
    monkeypatch.setattr(trainer, "FIRST_SAVE", float("inf"))  # the one that the first signal asks for is the only one
    after(monkeypatch, Trainer, "_close_epoch", lambda: signal.raise_signal(first), 2)
    after(monkeypatch, saving, "save_checkpoint", lambda: signal.raise_signal(second))
    with pytest.raises(Ended) as error:
        train()
    assert error.value.number == second
    assert (info()["status"], info()["reason"]) == ("interrupted", "interrupted")
    assert not [p.name for p in Path("r").iterdir() if p.name.startswith(".")]
    monkeypatch.undo()
    train(resume=True)
    assert info()["status"] == "finished"
    same_as_alone()


@pytest.mark.parametrize("place", ["draw_curves", "finish", "put_weights"])
def test_a_signal_after_the_last_epoch(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    after(monkeypatch, loop, place, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Ended):
        train()
    assert info()["status"] == ("interrupted" if place == "put_weights" else "finished")


def test_a_signal_while_the_data_is_read_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch, samples, "load_dataset", lambda: signal.raise_signal(signal.SIGTERM))
    for folder in (None, Path("r")):
        with pytest.raises(Ended):
            train(folder)
        monkeypatch.undo()
        after(monkeypatch, samples, "load_dataset", lambda: signal.raise_signal(signal.SIGTERM))
    assert not list(Path().iterdir())


def test_a_signal_that_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup; and a shell that runs a script's command in the background has it ignore Ctrl-C."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        for number in SIGNALS:
            after(monkeypatch, Trainer, "_close_epoch", lambda number=number: signal.raise_signal(number))  # type: ignore[misc]
        assert train().status == "finished"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_from_another_thread() -> None:
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(train()))
    thread.start()
    thread.join()
    assert found[0].status == "finished"


def test_a_training_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    text = NET.replace("iris", "diabetes").replace("[4]", "[10]").replace("out_features: 3", "out_features: 1")
    text = text.replace("cross_entropy", "squared").replace("lr: 0.1", "lr: 1e30")
    with pytest.raises(NetspecError, match="NS623"):
        loop.train(netspec.load(text), run="r", device="cpu")
    assert info()["status"] == "failed" and "is" in info()["reason"] and "Traceback" not in info()["reason"]

    def broken() -> None:
        raise RuntimeError("a fault of ours")

    after(monkeypatch, Trainer, "_close_epoch", broken)
    with pytest.raises(RuntimeError):
        train(Path("b"))
    assert (info(Path("b"))["status"], info(Path("b"))["reason"]) == ("failed", "RuntimeError: a fault of ours")


def test_a_run_that_is_refused_keeps_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    train()
    before = info()
    with pytest.raises(NetspecError, match="NS622"):
        train()
    with pytest.raises(NetspecError, match="begun from another spec"):
        loop.train(netspec.load(NET.replace("0.1", "0.2")), run="r", resume=True, device="cpu")
    assert info() == before


def test_the_command_that_goes_on_has_all_that_this_one_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--set` it would be refused as another spec; and a shell has to take a folder's name as one word."""
    from typer.testing import CliRunner

    from netspec.cli import app

    after(monkeypatch, Trainer, "_close_epoch", lambda: signal.raise_signal(signal.SIGTERM))
    Path("a net.yaml").write_text(NET)
    line = ["train", "a net.yaml", "--set", "train.epochs=3", "--set", "name=x y", "--device", "cpu", "--run", "my run"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 128 + signal.SIGTERM
    [said] = [line for line in done.output.splitlines() if line.startswith("  netspec ")]
    again = shlex.split(said)
    assert again[0] == "netspec" and again[1:] == [*line, "--resume"]
    monkeypatch.undo()
    done = CliRunner().invoke(app, again[1:])
    assert done.exit_code == 0 and "best of 3 epochs" in done.output


# what is said of a run that is not finished


def test_what_is_read_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("new.csv").write_text("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0\n")
    said: list[tuple[str, ...]] = []

    def look() -> None:
        said.append(evaluate("r").notes)
        said.append(predict("r", "new.csv").notes)
        signal.raise_signal(signal.SIGTERM)

    plain = Trainer._close_epoch

    def close(self: Trainer) -> None:
        plain(self)
        if self.progress.epoch == 2:
            self.save()
            look()

    monkeypatch.setattr(Trainer, "_close_epoch", close)
    train()
    monkeypatch.undo()
    best = "these are its best weights so far, of epoch"
    assert len(said) == 2
    for notes in said:
        assert notes[0].startswith(f"r is being trained by process {os.getpid()}: {best} ")
    assert evaluate("r").notes[0].startswith(f"r was interrupted before its end: {best} ")
    runs.write_json(Path("r/run.json"), {**info(), "status": "running"})
    assert predict("r", "new.csv").notes[0].startswith(f"r was killed before its end: {best} ")
    train(resume=True)
    assert evaluate("r").notes == predict("r", "new.csv").notes == ()


# what the weights depend on


def test_another_number_of_threads_is_said_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch, Trainer, "_close_epoch", lambda: signal.raise_signal(signal.SIGINT))
    train()
    monkeypatch.undo()
    assert info()["machine"]["threads"] == 1 and info()["machine"]["vectors"]
    out = io.StringIO()
    torch.set_num_threads(2)
    train(resume=True, console=Console(file=out, width=200))
    torch.set_num_threads(1)
    assert (
        "note: machine.threads: 2, was 1: the weights will not be, bit by bit, those of a run left alone"
        in out.getvalue()
    )
    [resumed] = info()["resumed"]
    assert (resumed["epoch"], resumed["differs"]) == (1, ["machine.threads: 2, was 1"])
    assert info()["machine"]["threads"] == 1, "of its beginning"
    out = io.StringIO()
    train(Path("s"), console=Console(file=out))
    train(Path("s"), resume=True, console=Console(file=out))
    assert "note:" not in out.getvalue() and info(Path("s"))["resumed"][0]["differs"] == []


@pytest.mark.parametrize(("path", "value"), [("versions.torch", "1.0"), ("versions.numpy", "1.0"), ("device", "cuda"),
                                             ("machine.vectors", "DEFAULT"), ("netspec", "0")])  # fmt: skip
def test_other_things_that_decide_are_said_too(path: str, value: str) -> None:
    train()
    begun = read_info(Path("r"))
    kept = info()
    place = kept
    *groups, last = path.split(".")
    for key in groups:
        place = place[key]
    place[last] = value
    runs.write_json(Path("r/run.json"), kept)
    assert runs.differences(begun, begun) == ()
    assert runs.differences(begun, read_info(Path("r")))[0].startswith(f"{path}: {value}, was ")


def test_ctrl_c_while_libraries_are_closed_shows_nothing_of_them() -> None:
    code = "import atexit, os; atexit.register(lambda: os.kill(os.getpid(), 2)); from netspec.cli import app; app()"
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
