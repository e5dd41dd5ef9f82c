"""Run folders: which one, what it says about itself, and whether it may be gone on with."""

from __future__ import annotations

import datetime
import difflib
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from netspec.data.preprocess import Preprocess
from netspec.frontend.document import text_hash
from netspec.source.errors import NetspecError
from netspec.source.files import file_name, open_to_append
from netspec.train.files import cannot_write, read_json, write_json, write_text

SPEC = "spec.yaml"
INFO = "run.json"
PREPROCESS = "preprocess.json"
METRICS = "metrics.jsonl"
CURVES = "curves.png"
BEST = "best.safetensors"
LAST = "last.safetensors"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Run:
    """What a training left behind.

    `reason`: why it ended.  `results`: part name -> loss and metrics of the best weights; empty when interrupted.
    """

    path: Path
    status: Literal["finished", "interrupted"]
    reason: str
    epochs: int
    best_epoch: int
    seconds: float
    results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def choose_folder(name: str, run: Path | None, resume: bool) -> Path:
    """The folder asked for, or `runs/<name>-<n>`: the next free number, or the last one there to go on with.

    Raises NS622 when it is taken, or there is nothing to go on with.
    """
    if run is None:
        stem = file_name(name, "run")
        numbers = [
            int(p.name[len(stem) + 1 :]) for p in Path("runs").glob(f"{stem}-*") if p.name[len(stem) + 1 :].isdecimal()
        ]
        if resume and not numbers:
            raise NetspecError(
                "NS622",
                f"there is no run runs/{stem}-… to go on with",
                hint="leave out --resume, or name one with --run",
            )
        return Path("runs") / f"{stem}-{max(numbers, default=0) + (not resume)}"
    if run.exists() and not run.is_dir():
        raise NetspecError(
            "NS622", "is a file, expected a folder for the run", name=str(run), hint="choose another --run"
        )
    if not resume and run.is_dir() and any(run.iterdir()):
        begun = (run / SPEC).exists()
        hint = "go on with it with --resume, or choose another --run" if begun else "choose another --run"
        raise NetspecError("NS622", "exists already and is not empty", name=str(run), hint=hint)
    return run


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


def begin(folder: Path, resolved: str, preprocess: str, info: Mapping[str, Any]) -> None:
    """Make the folder and say what is trained in it.  Raises NS624."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    write_text(folder / SPEC, resolved)  # first: `check_same` looks at it, however early the process is killed
    write_text(folder / PREPROCESS, preprocess)
    write_json(folder / INFO, info)


def read_preprocess(folder: Path) -> Preprocess:
    """Raises NS622 when it is missing, NS631 when it is broken."""
    path = folder / PREPROCESS
    try:
        return Preprocess.from_json(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {error.strerror or error}", name=str(path)) from None


def has_begun(folder: Path) -> bool:
    return all((folder / name).exists() for name in (SPEC, PREPROCESS, INFO))


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
            "gpu": gpu,
        },
    }


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
