"""Run folders: which one, what it says about itself, and whether it may be gone on with."""

from __future__ import annotations

import datetime
import difflib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from netspec.data.fingerprint import Fingerprint
from netspec.data.preprocess import Preprocess
from netspec.frontend.resolved import text_hash
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.source.files import open_to_append, reason, write_whole
from netspec.source.input_files import read_whole
from netspec.source.records.from_json import parse_json, plain_json, read_record
from netspec.training.files import cannot_write, read_json, write_json, write_text
from netspec.training.info import EpochLine, Figures, Machine, Resumed, RunInfo, Versions

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
        kept = read_whole(folder / SPEC).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NetspecError("NS622", f"is not UTF-8: {error}", name=str(folder / SPEC), hint="start a new run") from None
    except FileNotFoundError:
        if any(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else False:
            raise NetspecError(
                "NS622", "is no run: it has no spec.yaml", name=str(folder), hint="choose another --run"
            ) from None
        return
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(folder / SPEC)) from None
    if kept == resolved:
        return
    changes = [line for line in difflib.ndiff(kept.splitlines(), resolved.splitlines()) if line[:2] in ("- ", "+ ")]
    was = next((line[2:].strip() for line in changes if line.startswith("-")), "nothing")
    now = next((line[2:].strip() for line in changes if line.startswith("+")), "nothing")
    raise NetspecError("NS622", f"was begun from another spec: it has `{was}`, now there is `{now}`", name=str(folder),
                       hint="start a new run, or put the file back as it was")  # fmt: skip


def begin(folder: Path, resolved: str, preprocess: str, data: bytes, info: RunInfo) -> None:
    """Say in the folder what is trained there, and on what.  Raises NS624."""
    write_text(folder / SPEC, resolved)  # first: `check_same` looks at it, however early the process is killed
    write_text(folder / PREPROCESS, preprocess)
    write_whole(folder / DATA, lambda file: file.write(data), cannot_write)
    _write_info(folder, info)


def read_preprocess(folder: Path, graph: Graph) -> Preprocess:
    """Raises NS622 when it is missing, NS631 when it is broken or not of this network."""
    path = folder / PREPROCESS
    try:
        found = Preprocess.from_json(read_whole(path), str(path))
        found.check(graph.inputs, graph.output_types(), str(path))
        return found
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None


def read_fingerprint(folder: Path) -> Fingerprint:
    """What the data was when the run began.  Raises NS622 when the file is missing or broken."""
    path = folder / DATA
    try:
        return Fingerprint.from_bytes(read_whole(path), str(path))
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None


def has_begun(folder: Path) -> bool:
    """Raises NS622 for a folder that has come further and has lost what it began with."""
    missing = [name for name in (SPEC, PREPROCESS, DATA, INFO) if not (folder / name).exists()]
    if missing and (folder / CHECKPOINT).exists():
        raise NetspecError("NS622", f"has a checkpoint and no {missing[0]}", name=str(folder), hint="start a new run")
    return not missing


def describe_run(graph_folder: Path, name: str, resolved: str, seed: int, device: Any,
                 left_out: int = 0) -> RunInfo:  # fmt: skip
    """What run.json says: versions, machine, seed."""
    import numpy
    import torch

    from netspec.version import VERSION

    return RunInfo(
        netspec=VERSION,
        name=name,
        spec_sha256=text_hash(resolved),
        seed=seed,
        device=str(device),
        folder=str(graph_folder.resolve()),
        started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=Versions(platform.python_version(), torch.__version__, numpy.__version__),
        machine=Machine(
            system=platform.platform(),
            processor=platform.machine(),
            cores=os.cpu_count(),
            threads=torch.get_num_threads(),
            vectors=torch.backends.cpu.get_cpu_capability(),
            gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        ),
        left_out=left_out,
    )


def read_info(folder: Path) -> RunInfo:
    """Raises NS622 when run.json is missing, broken, or not what netspec wrote."""
    return read_record(read_json(folder / INFO), RunInfo, "NS622", str(folder / INFO), "put it back as it was")


def _write_info(folder: Path, info: RunInfo) -> None:
    write_json(folder / INFO, asdict(info))


_DECIDE = ("device", "machine.threads", "machine.vectors", "machine.gpu", "versions.torch", "versions.numpy", "netspec")


def differences(begun: RunInfo, now: RunInfo) -> tuple[str, ...]:
    """What the weights depend on, bit by bit, and is not as it was when the run began: "machine.threads: 4, was 1"."""
    pairs = [(path, attrgetter(path)(begun), attrgetter(path)(now)) for path in _DECIDE]
    return tuple(f"{path}: {after}, was {before}" for path, before, after in pairs if before != after)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """run.json says `running` while this lasts, and why it ended where `finish` has not said so."""
    _write_info(folder, replace(read_info(folder), status="running"))
    try:
        yield
    except BaseException as error:
        with suppress(NetspecError):  # the first trouble is the one to report
            info = read_info(folder)
            if info.status == "running":
                _write_info(folder, _ended_by(info, error))
        raise


def note_resume(folder: Path, started: str, epoch: int, differs: Sequence[str]) -> None:
    """When, from where, and what is not as it was when the run began."""
    info = read_info(folder)
    _write_info(folder, replace(info, resumed=[*info.resumed, Resumed(started, epoch, list(differs))]))


def _ended_by(info: RunInfo, error: BaseException) -> RunInfo:
    if isinstance(error, KeyboardInterrupt):
        return replace(info, status="interrupted", reason="interrupted")
    text = error.problems[0].message if isinstance(error, NetspecError) else f"{type(error).__name__}: {error}"
    return replace(info, status="failed", reason=text)


def finish(folder: Path, run: Run) -> None:
    """Write the outcome into run.json.  Raises NS624."""
    results: dict[str, Figures] = {name: {**figures} for name, figures in run.results.items()}
    _write_info(folder, replace(read_info(folder), status=run.status, reason=run.reason, epochs=run.epochs,
                                best_epoch=run.best_epoch, seconds=round(run.seconds, 3), results=results))  # fmt: skip


class MetricsFile:
    """metrics.jsonl: one line an epoch, the same as the checkpoint's epochs when a training goes on."""

    def __init__(self, path: Path, epochs: int) -> None:
        self.path = path
        kept = read_metrics(path, epochs)
        write_text(path, "".join(plain_json(asdict(line)) + "\n" for line in kept))
        try:
            self._file = open_to_append(path)
        except OSError as error:
            raise cannot_write(path, error) from None

    def add(self, line: EpochLine) -> None:
        try:
            self._file.write(plain_json(asdict(line)) + "\n")
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


def read_metrics(path: Path, epochs: int) -> list[EpochLine]:
    """The lines of this many epochs; what stands behind them was written after the last checkpoint.

    Raises NS622 when one of them is missing, or not what netspec wrote.
    """
    try:
        texts = read_whole(path).split(b"\n")
    except FileNotFoundError:
        texts = []
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    found: list[EpochLine] = []
    for number in range(1, epochs + 1):
        place = f"{path}:{number}"
        text = texts[number - 1] if number < len(texts) else b""  # a whole line ends
        if not text:
            raise NetspecError("NS622", f"has no line of epoch {number}, the checkpoint is of epoch {epochs}",
                               name=str(path), hint="put the file back as it was, or start a new run")  # fmt: skip
        line = read_record(parse_json(text, "NS622", place), EpochLine, "NS622", place)
        measured = None if line.validation is None else line.validation.keys()
        same = not found or measured == (None if found[0].validation is None else found[0].validation.keys())
        if line.epoch != number or not same:
            what = "`validation` has other figures than line 1" if not same else f"`epoch` is {line.epoch}"
            raise NetspecError("NS622", f"{what}, expected the line of epoch {number}", name=place)
        found.append(line)
    return found
