"""Run folders: which one, what it says about itself, and whether it may be gone on with."""

from __future__ import annotations

import datetime
import difflib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from netspec.data.fingerprint import Fingerprint
from netspec.data.preprocess import Preprocess
from netspec.frontend.document import text_hash
from netspec.source.errors import NetspecError
from netspec.source.files import open_to_append, write_whole
from netspec.train.files import cannot_write, read_json, write_json, write_text

SPEC = "spec.yaml"
INFO = "run.json"
PREPROCESS = "preprocess.json"
DATA = "data.safetensors"
METRICS = "metrics.jsonl"
CURVES = "curves.png"
BEST = "best.safetensors"
LAST = "last.safetensors"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Run:
    """What a training left behind.

    `reason`: why it ended.  `results`: part name -> loss and metrics of the best weights; empty when interrupted, by
    `signal`.
    """

    path: Path
    status: Literal["finished", "interrupted"]
    reason: str
    epochs: int
    best_epoch: int
    seconds: float
    results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    signal: int = 0


def check_same(folder: Path, resolved: str) -> None:
    """Raises NS622 when the folder was begun from another text, with the first line that differs."""
    try:
        kept = (folder / SPEC).read_text(encoding="utf-8")
    except FileNotFoundError:
        if any(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else False:
            raise NetspecError(
                "NS622", "is no run: it has no spec.yaml", name=str(folder), hint="choose another --run"
            ) from None
        return
    if kept == resolved:
        return
    changes = [line for line in difflib.ndiff(kept.splitlines(), resolved.splitlines()) if line[:2] in ("- ", "+ ")]
    was = next((line[2:].strip() for line in changes if line.startswith("-")), "nothing")
    now = next((line[2:].strip() for line in changes if line.startswith("+")), "nothing")
    raise NetspecError("NS622", f"was begun from another spec: it has `{was}`, now there is `{now}`", name=str(folder),
                       hint="start a new run, or put the file back as it was")  # fmt: skip


def begin(folder: Path, resolved: str, preprocess: str, data: bytes, info: Mapping[str, Any]) -> None:
    """Say in the folder what is trained there, and on what.  Raises NS624."""
    write_text(folder / SPEC, resolved)  # first: `check_same` looks at it, however early the process is killed
    write_text(folder / PREPROCESS, preprocess)
    write_whole(folder / DATA, lambda file: file.write(data), cannot_write)
    write_json(folder / INFO, info)


def read_preprocess(folder: Path) -> Preprocess:
    """Raises NS622 when it is missing, NS631 when it is broken."""
    path = folder / PREPROCESS
    try:
        return Preprocess.from_json(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {error.strerror or error}", name=str(path)) from None


def read_fingerprint(folder: Path) -> Fingerprint:
    """What the data was when the run began.  Raises NS622 when the file is missing or broken."""
    path = folder / DATA
    try:
        return Fingerprint.from_bytes(path.read_bytes(), str(path))
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {error.strerror or error}", name=str(path)) from None


def has_begun(folder: Path) -> bool:
    """Raises NS622 for a folder that has come further and has lost what it began with."""
    missing = [name for name in (SPEC, PREPROCESS, DATA, INFO) if not (folder / name).exists()]
    if missing and (folder / CHECKPOINT).exists():
        raise NetspecError("NS622", f"has a checkpoint and no {missing[0]}", name=str(folder), hint="start a new run")
    return not missing


def describe_run(graph_folder: Path, name: str, resolved: str, seed: int, device: Any) -> dict[str, Any]:
    """What run.json says: versions, machine, seed."""
    import numpy
    import torch

    import netspec

    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "netspec": netspec.__version__,
        "name": name,
        "spec_sha256": text_hash(resolved),
        "seed": seed,
        "device": str(device),
        "folder": str(graph_folder.resolve()),  # paths in the spec are relative to it
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "status": "running",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "gpu": gpu,
        },
    }


_DECIDE = ("device", "machine.threads", "machine.vectors", "machine.gpu", "versions.torch", "versions.numpy", "netspec")


def differences(begun: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What the weights depend on, bit by bit, and is not as it was when the run began: "machine.threads: 4, was 1"."""
    found = []
    for path in _DECIDE:
        pair = []
        for info in (begun, now):
            value: Any = info
            for key in path.split("."):
                value = value.get(key) if isinstance(value, Mapping) else None
            pair.append(value)
        if pair[0] != pair[1]:
            found.append(f"{path}: {pair[1]}, was {pair[0]}")
    return tuple(found)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """run.json says `running` while this lasts, and why it ended where `finish` has not said so."""
    write_json(folder / INFO, {**read_json(folder / INFO), "status": "running"})
    try:
        yield
    except BaseException as error:
        with suppress(NetspecError):  # the first trouble is the one to report
            info = read_json(folder / INFO)
            if info.get("status") == "running":
                write_json(folder / INFO, {**info, **_ended_by(error)})
        raise


def note_resume(folder: Path, started: str, epoch: int, differs: Sequence[str]) -> None:
    """When, from where, and what is not as it was when the run began."""
    info = read_json(folder / INFO)
    resumed = [*info.get("resumed", []), {"started": started, "epoch": epoch, "differs": list(differs)}]
    write_json(folder / INFO, {**info, "resumed": resumed})


def _ended_by(error: BaseException) -> dict[str, str]:
    if isinstance(error, KeyboardInterrupt):
        return {"status": "interrupted", "reason": "interrupted"}
    text = error.problems[0].message if isinstance(error, NetspecError) else f"{type(error).__name__}: {error}"
    return {"status": "failed", "reason": text}


def finish(folder: Path, run: Run) -> None:
    """Write the outcome into run.json.  Raises NS624."""
    info = read_json(folder / INFO)
    info |= {"status": run.status, "reason": run.reason, "epochs": run.epochs, "best_epoch": run.best_epoch}
    write_json(folder / INFO, {**info, "seconds": round(run.seconds, 3), "results": run.results})


class MetricsFile:
    """metrics.jsonl: one line an epoch, the same as the checkpoint's epochs when a training goes on."""

    def __init__(self, path: Path, epochs: int) -> None:
        self.path = path
        lines = [line for line in read_metrics(path) if isinstance(line, dict)]
        kept = [line for line in lines if isinstance(line.get("epoch"), int) and line["epoch"] <= epochs]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        try:
            self._file = open_to_append(path)
        except OSError as error:
            raise cannot_write(path, error) from None

    def add(self, line: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def to_disk(self) -> None:
        """Before a checkpoint is: it may not know of more epochs than stand here."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def close(self) -> None:
        with suppress(OSError):  # a full disk has been reported by `add`
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines; a line that was being written when the process was killed is left out."""
    found = []
    try:
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, RecursionError):
                found.append(json.loads(text))
    except FileNotFoundError:
        pass
    return found
