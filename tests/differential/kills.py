"""Trainings and exports that are killed at any moment: `python -m tests.differential.kills --count 500 --jobs 2`.

A case is a random training.  Processes of it are killed, by SIGKILL or by signals that ask, at a random one of all
that they do to files (half of what was written may be lost), or at a random time; and gone on with until one comes to
its end.  Then every weight is, bit by bit, that of a run that nobody killed.  After each kill every file is whole.
Needs a fresh process: it forks, and torch may not have computed before.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401 - this and the next once, before the forks
import onnx  # noqa: F401
import onnxruntime  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch
import torch._dynamo
from safetensors import safe_open

import netspec
from netspec.backends.export import export_onnx
from netspec.training import loop as trainer
from netspec.training import train as loop
from netspec.training.interrupt import SIGNALS, Ended
from netspec.training.trained import load_run
from tests.differential.long_run import Outcome, long_run

NET = """
netspec: 1
name: killed
inputs: {{x: [4]}}
layers:
  fc1: {{type: linear, out_features: {width}}}
  bn: batch_norm1d
  tanh: tanh
  drop: {{type: dropout, p: 0.2}}
  fc2: {{type: linear, out_features: 3}}
outputs: {{species: fc2}}
data: {{source: iris, standardize: true}}
train:
  loss: cross_entropy
  optimizer: {optimizer}
  schedule: {schedule}
  batch_size: {batch}
  epochs: {epochs}
  seed: {seed}
"""
OPTIMIZERS = (
    "{type: sgd, lr: 0.05, momentum: 0.9}",
    "{type: nag, lr: 0.05}",
    "{type: adam, lr: 0.01}",
    "{type: adamw, lr: 0.01}",
    "{type: rmsprop, lr: 0.01}",
    "{type: adagrad, lr: 0.05}",
)
SCHEDULES = ("constant", "{type: cosine, warmup_epochs: 1}", "{type: step, every: 1, factor: 0.5}")
EVENTS = frozenset(("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"))
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where fsync costs nothing
MOST = 150  # kills of one case
WEIGHTS = ("last.safetensors", "best.safetensors")


class WrongError(Exception):
    """What a case found."""


@dataclass(frozen=True)
class Kill:
    """By which signals, one after the other, at which of a process's deeds (0: at none), or after how many seconds."""

    signals: tuple[int, ...]
    deed: int
    seconds: float
    torn: bool  # what was not on the disk yet is lost by half

    @staticmethod
    def draw(chance: random.Random) -> Kill:
        asked = tuple(chance.choice(SIGNALS) for _ in range(chance.choice((1, 1, 2))))
        signals = (int(signal.SIGKILL),) if chance.random() < 0.7 else tuple(int(s) for s in asked)
        timed = chance.random() < 0.2
        deed = 0 if timed else chance.choice((chance.randint(1, 30), chance.randint(1, 250)))
        return Kill(signals, deed, chance.uniform(0.0, 0.15) if timed else 0.0, chance.random() < 0.5)


def arm(kill: Kill) -> None:
    """In a child: die as asked."""
    done = 0

    def now(handle: int | None = None) -> None:
        nonlocal done
        done += 1
        if done == kill.deed:
            if kill.torn and handle is not None and not fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_APPEND:
                with suppress(OSError):  # a folder; of metrics.jsonl, to which is added, most was on the disk before
                    os.ftruncate(handle, os.fstat(handle).st_size // 2)
            for number in kill.signals:
                os.kill(os.getpid(), number)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in EVENTS or (event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)):
            now()

    plain = os.fsync

    def fsync(handle: int) -> None:
        now(handle)
        plain(handle)

    os.fsync = fsync  # type: ignore[assignment]
    sys.addaudithook(hook)


def child(act: Callable[[], int], log: Path, kill: Kill | None = None) -> int:
    """Run `act` in a process of its own, and give its exit status, negative for a signal."""
    pid = os.fork()
    if not pid:
        with log.open("a") as file:
            os.dup2(file.fileno(), 2)
        code = 1
        try:
            torch.set_num_threads(1)
            trainer.FIRST_SAVE, trainer.PAUSE = 0.0, 0  # a checkpoint after each step
            if kill is not None and kill.deed:
                arm(kill)
            code = act()
        except Ended as ended:
            code = 128 + ended.number
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(code)
    if kill is not None and not kill.deed:
        time.sleep(kill.seconds)
        for number in kill.signals:
            os.kill(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trained(text: str, run: Path | None, resume: bool) -> Callable[[], int]:
    def act() -> int:
        done = loop.train(netspec.load(text), run=run, resume=resume, device="cpu")
        return 128 + done.signal if done.status == "interrupted" else 0

    return act


def exported(run: Path, path: Path) -> Callable[[], int]:
    def act() -> int:
        trained = load_run(run)
        export_onnx(trained.spec, trained.module, path)
        return 0

    return act


def expect(code: int, kill: Kill | None, log: Path) -> bool:
    """Whether it came to its end.  Raises WrongError where it ended as it should not."""
    if code == 0:
        return True
    if kill is None or (-code not in kill.signals and code - 128 not in kill.signals):
        raise WrongError(f"ended with {code}: {log.read_text()[-400:]}")
    return False


def whole(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.suffix == ".safetensors":
            with safe_open(path, "numpy") as file:
                file.metadata()
        elif path.name == "run.json":
            json.loads(path.read_text())


def same(alone: Path, run: Path) -> None:
    for name in WEIGHTS:
        if (alone / name).read_bytes() != (run / name).read_bytes():
            raise WrongError(f"{run.name}/{name} is not that of the run left alone")
    lines = [[{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text.splitlines()]
             for text in ((folder / "metrics.jsonl").read_text() for folder in (alone, run))]  # fmt: skip
    if lines[0] != lines[1]:
        raise WrongError(f"{run.name}/metrics.jsonl is not that of the run left alone")
    if json.loads((run / "run.json").read_text())["status"] != "finished":
        raise WrongError(f"{run.name} is not finished")
    left = [path.name for path in run.iterdir() if path.name.startswith(".")]
    if left:
        raise WrongError(f"{run.name} has {left}")


def killed_runs(text: str, here: Path, chance: random.Random, counts: Counter[str]) -> None:
    """One folder, gone on with until it is finished."""
    log, run = here / "log", here / "run"
    for _ in range(MOST):
        kill = Kill.draw(chance)
        if expect(child(trained(text, run, True), log, kill), kill, log):
            break
        counts["trainings killed"] += 1
        whole(here)
    else:
        expect(child(trained(text, run, True), log), None, log)
    same(here / "alone", run)


def killed_claims(text: str, here: Path, chance: random.Random, counts: Counter[str]) -> None:
    """New runs that are killed while they take a number and write their first files; those that began are ended."""
    log = here / "log"
    for _ in range(chance.randint(3, 8)):
        kill = Kill.draw(chance)
        if not expect(child(trained(text, None, False), log, kill), kill, log):
            counts["claims killed"] += 1
        whole(here)
    expect(child(trained(text, None, False), log), None, log)
    expect(child(trained(text, None, True), log), None, log)
    for run in sorted((here / "runs").iterdir()):
        expect(child(trained(text, run, True), log), None, log)
        same(here / "alone", run)
        counts["runs ended"] += 1


def killed_exports(text: str, here: Path, chance: random.Random, counts: Counter[str]) -> None:
    """The model is the old one or the new one, and whole."""
    log, path = here / "log", here / "models" / "model.onnx"
    path.parent.mkdir()
    expect(child(exported(here / "alone", path), log), None, log)
    new = path.read_bytes()
    for deed in range(1, 30):
        path.write_bytes(b"old")
        kill = Kill((int(signal.SIGKILL),), deed, 0.0, True)
        done = expect(child(exported(here / "alone", path), log, kill), kill, log)
        if path.read_bytes() not in ((new,) if done else (b"old", new)):
            raise WrongError("the model is neither the old one nor the new one")
        if done:
            break
        counts["exports killed"] += 1
    if [p.name for p in path.parent.iterdir()] != [path.name]:
        raise WrongError("an export left something behind")


def one(seed: int, folder: Path) -> Outcome:
    chance, folder = random.Random(seed), folder.absolute()
    text = NET.format(
        width=chance.choice((1, 3, 8)),
        optimizer=chance.choice(OPTIMIZERS),
        schedule=chance.choice(SCHEDULES),
        batch=chance.choice((24, 50, 120)),
        epochs=chance.randint(2, 4),
        seed=chance.randint(0, 99),
    )
    netspec.load(text)  # which imports the layers
    counts: Counter[str] = Counter()
    here, before = Path(tempfile.mkdtemp(prefix="kills-", dir=MEMORY)), Path.cwd()
    os.chdir(here)
    try:
        expect(child(trained(text, here / "alone", False), here / "log"), None, here / "log")
        case = (killed_runs, killed_claims, killed_exports)[chance.choice((0, 0, 0, 1, 2))]
        case(text, here, chance, counts)
    except WrongError as error:
        kept = folder / f"kills-{seed}"
        shutil.copytree(here, kept, dirs_exist_ok=True)
        return Outcome(counts, f"seed {seed}: {error} ({kept})")
    finally:
        os.chdir(before)
        shutil.rmtree(here)
    return Outcome(counts)


if __name__ == "__main__":
    sys.exit(long_run("killed trainings", one, 100))
