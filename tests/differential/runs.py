"""Damaged run folders and models: each field and each tensor dropped, retyped, resized or made extreme, bytes flipped.

Whatever is done to a file, what reads it ends well or with a `NetspecError`: no traceback, no crash of the process, no
hang.  A long run:  python -m tests.differential.runs --count 20000 --jobs 2
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import netspec
from netspec import NetspecError
from tests.differential.damage import damage
from tests.differential.long_run import Outcome, long_run

SECONDS = 100  # then it hangs
ROOM = 3 << 30  # of addresses, so that a size from a file is an error here as it is on a small machine

TABLE = """
netspec: 1
name: table
inputs: {x: [4]}
layers:
  fc1: {type: linear, out_features: 6}
  bn: batch_norm1d
  fc2: {type: linear, out_features: 3}
outputs: {species: fc2}
data: {source: iris, standardize: true}
train: {loss: cross_entropy, optimizer: {type: OPTIMIZER}, batch_size: 32, epochs: 3, stop: {patience: 9, settle: {}}}
"""
STEPS = """
netspec: 1
name: steps
inputs: {x: [T, 2], lengths: {shape: [], dtype: int64}}
layers:
  rnn: {type: gru, hidden: 3, from: {input: x, lengths: lengths}}
  tag: {type: linear, out_features: 3}
  size: {type: linear, out_features: 2, from: rnn}
outputs: {tag: tag, size: size}
data: {source: {type: npz, path: d.npz}, standardize: both}
train: {loss: {tag: cross_entropy, size: squared}, batch_size: 8, epochs: 3, bptt: 2, metrics: [accuracy, r2]}
"""
IMAGES = """
netspec: 1
name: images
inputs: {x: [1, 8, 8]}
layers: {conv: {type: conv2d, out_channels: 2, kernel_size: 3}, flat: flatten, fc: {type: linear, out_features: 1}}
outputs: {y: fc}
data: {source: {type: npz, path: i.npz}}
train: {loss: logistic, optimizer: {type: rmsprop, centered: true, momentum: 0.5}, batch_size: 8, epochs: 2}
"""
TEXTS = {"adam": TABLE.replace("OPTIMIZER", "adam"), "adagrad": TABLE.replace("OPTIMIZER", "adagrad"),
         "nag": TABLE.replace("OPTIMIZER", "nag"), "steps": STEPS, "images": IMAGES}  # fmt: skip
INPUTS = {"steps": "d.npz", "images": "i.npz"}


def _interrupted(text: str, folder: Path, run: Path) -> None:
    """A run that was stopped in its second epoch: its checkpoint has all that one may have."""
    from netspec.training import loop as trainer
    from netspec.training.train import train

    plain, steps = trainer.Trainer._tick, [0]

    def tick(self: trainer.Trainer) -> None:
        steps[0] += 1
        if self.progress.epoch == 1 and self.progress.batch >= 1:
            self.interrupted = signal.SIGINT
        plain(self)
        self._next = 0.0

    trainer.Trainer._tick = tick  # type: ignore[method-assign]  # this process ends afterwards
    assert train(netspec.load(text, folder=folder), run=run, device="cpu").status == "interrupted"
    trainer.Trainer._tick = plain  # type: ignore[method-assign]


def _build(folder: Path) -> None:
    from netspec.backends.export import export_onnx
    from netspec.training.model import META
    from netspec.training.train import train
    from netspec.training.trained import load_run

    rng = np.random.default_rng(0)
    lengths = np.concatenate([[5], rng.integers(1, 6, 39)])
    np.savez(
        folder / "d.npz",
        x=rng.normal(size=(40, 5, 2)).astype("f4"),
        lengths=lengths,
        tag=rng.integers(0, 3, (40, 5)),
        size=rng.normal(size=(40, 5, 2)).astype("f4"),
    )
    np.savez(folder / "i.npz", x=rng.random((40, 1, 8, 8)).astype("f4"), y=rng.integers(0, 2, 40))
    (folder / "new.csv").write_text("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,2\n")
    for name, text in TEXTS.items():
        _interrupted(text, folder, folder / name / "begun")
        train(netspec.load(text, folder=folder), run=folder / name / "done", device="cpu")
        trained = load_run(folder / name / "done")
        meta = {META: trained.preprocess.to_json()}
        export_onnx(trained.spec, trained.module, folder / name / "model.onnx", meta)
        if name == "steps":
            export_onnx(trained.spec, trained.module, folder / name / "stream.onnx", meta, streaming=True)


@cache
def bases() -> Path:
    """The undamaged runs, once for a process.  A child makes them: who forks must not have computed with threads."""
    folder = Path(tempfile.mkdtemp(prefix="netspec-runs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    code, said = _in_child(lambda: _build(folder), folder, 10 * SECONDS)
    assert code == "ended", said
    return folder


def actions(name: str, kind: str) -> dict[str, Callable[[Path, Path], object]]:
    """What is done with the damaged thing: (its path, the folder of the data) -> anything."""

    def resume(run: Path, data: Path) -> object:
        from netspec.training.train import train

        return train(netspec.load(TEXTS[name], folder=data), run=run, resume=True, device="cpu")

    def evaluate(run: Path, data: Path) -> object:
        from netspec.training.evaluate import evaluate

        return json.dumps(evaluate(run, device="cpu").to_dict())

    def predict(thing: Path, data: Path) -> object:
        from netspec.training.predict import predict

        return json.dumps(predict(thing, data / INPUTS.get(name, "new.csv"), device="cpu").to_dict())

    def export(run: Path, data: Path) -> object:
        from netspec.backends.export import export_onnx
        from netspec.training.model import META
        from netspec.training.trained import load_run

        loaded = load_run(run)
        meta = {META: loaded.preprocess.to_json()}
        return export_onnx(loaded.spec, loaded.module, run.with_suffix(".onnx"), meta)

    if kind.endswith(".onnx"):
        return {"predict": predict}
    return {"resume": resume, "evaluate": evaluate, "predict": predict, "export": export}


def one(seed: int, failures: Path) -> Outcome:
    """One damage, and one action on what it left."""
    chance = random.Random(seed)
    name = chance.choice(list(TEXTS))
    kinds = ["begun", "begun", "done", "model.onnx", *(["stream.onnx"] if name == "steps" else [])]
    kind = chance.choice(kinds)
    with tempfile.TemporaryDirectory() as scratch:
        thing = Path(scratch) / kind
        source = bases() / name / kind
        shutil.copytree(source, thing) if source.is_dir() else shutil.copy(source, thing)
        act, acting = chance.choice(list(actions(name, kind).items()))
        damaged, what = damage(thing, chance, act)
        code, said = _in_child(lambda: acting(thing, bases()), Path(scratch), SECONDS)
        counts = Counter({f"{code} on {act}": 1, f"{damaged}": 1, "damages": 1})
        if code in ("ended", "refused"):
            return Outcome(counts)
        failures.mkdir(parents=True, exist_ok=True)
        kept = failures / f"run-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(scratch, kept)
        return Outcome(counts, f"seed {seed}: {code} on {act} of {name}/{kind} ({what}): {said}\n  kept in {kept}")


def _in_child(act: Callable[[], Any], scratch: Path, seconds: int) -> tuple[str, str]:
    """How it ends in a process of its own: ended, refused, traceback, crash or hang; and what it said."""
    heard = scratch / ".heard"
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        with heard.open("w", encoding="utf-8") as file:
            try:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                faulthandler.disable()  # pytest's; how the child ended is told below
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(seconds)
                resource.setrlimit(resource.RLIMIT_AS, (_addresses() + ROOM,) * 2)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                act()
                code = 0
            except NetspecError as error:
                file.write(str(error))  # it can be shown
                code = 2
            except BaseException:
                traceback.print_exc(file=file)
            finally:
                file.flush()
                os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = heard.read_text(errors="replace")[-2000:] if heard.exists() else ""
    heard.unlink(missing_ok=True)
    if status < 0:
        return ("hang" if -status == signal.SIGALRM else "crash"), f"{signal.Signals(-status).name} {said}"
    return {0: "ended", 2: "refused"}.get(status, "traceback"), said


def _addresses() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _prepare() -> None:
    """Everything that a child would import, and nothing computed."""
    import matplotlib.figure  # noqa: F401
    import onnxruntime  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch

    torch.set_num_threads(1)


_prepare()

if __name__ == "__main__":
    from tests.differential.runs import one as named  # by its module's name, for processes

    sys.exit(long_run("damaged runs and models", named, count=2000))
