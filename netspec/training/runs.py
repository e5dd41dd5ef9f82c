"""Run folders: what stands in one, and whether a training may go on in it."""

from __future__ import annotations

import datetime
import difflib
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Literal

import numpy
import torch

from netspec.data.fingerprint import Fingerprint
from netspec.data.preprocess import Preprocess
from netspec.frontend.fmt.canonical import same_text
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.source.files import reason, write_whole
from netspec.source.input_files import read_whole
from netspec.spec import Spec
from netspec.training.files import cannot_write, write_json, write_text
from netspec.training.info import INFO, SPEC, BegunFrom, Figures, Machine, Resumed, RunInfo, Versions, read_info
from netspec.version import VERSION

PREPROCESS = "preprocess.json"
DATA = "data.safetensors"
CURVES = "curves.png"
BEST = "best.safetensors"
LAST = "last.safetensors"
CHECKPOINT = "checkpoint.safetensors"
INITIAL = "initial.safetensors"  # where it begins with the weights of another network


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


def check_same(folder: Path, resolved: str) -> str:
    """The text that a run was begun from, which may have its keys in another order than `resolved`.

    Raises NS622 when the folder was begun from a text that says something else, with the first line that differs.
    """
    try:
        begun_from = read_whole(folder / SPEC).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NetspecError("NS622", f"is not UTF-8: {error}", name=str(folder / SPEC), hint="start a new run") from None
    except FileNotFoundError:
        begun = {INITIAL}  # what is written first
        if any(p for p in folder.iterdir() if p.name not in begun and p.name[0] != ".") if folder.is_dir() else False:
            raise NetspecError(
                "NS622", "is no run: it has no spec.yaml", name=str(folder), hint="choose another --run"
            ) from None
        return resolved
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(folder / SPEC)) from None
    if begun_from == resolved or same_text(begun_from, resolved):
        return begun_from
    changes = list(difflib.ndiff(begun_from.splitlines(), resolved.splitlines()))
    was = next((line[2:].strip() for line in changes if line.startswith("-")), "nothing")
    now = next((line[2:].strip() for line in changes if line.startswith("+")), "nothing")
    raise NetspecError(
        "NS622",
        f"was begun from another spec: it has `{was}`, now there is `{now}`",
        name=str(folder),
        hint="start a new run, or put the file back as it was",
    )


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
        preprocess = Preprocess.from_json(read_whole(path), str(path))
        preprocess.check(graph.inputs, graph.output_types(), str(path))
        return preprocess
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


def describe_run(
    spec: Spec, spec_hash: str, seed: int, device: torch.device, left_out: int, begun_from: BegunFrom | None = None
) -> RunInfo:
    """What run.json says when a run begins, or goes on: versions, machine, seed."""
    return RunInfo(
        netspec=VERSION,
        name=spec.name,
        spec_sha256=spec_hash,
        seed=seed,
        device=str(device),
        folder=str(spec.folder.resolve()),
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
        begun_from=begun_from,
        left_out=left_out,
    )


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


def note_resume(folder: Path, resumed: Resumed) -> None:
    """Write into run.json that the run went on.  Raises NS624."""
    info = read_info(folder)
    _write_info(folder, replace(info, resumed=[*info.resumed, resumed]))


def _ended_by(info: RunInfo, error: BaseException) -> RunInfo:
    if isinstance(error, KeyboardInterrupt):
        return replace(info, status="interrupted", reason="interrupted")
    text = error.problems[0].message if isinstance(error, NetspecError) else f"{type(error).__name__}: {error}"
    return replace(info, status="failed", reason=text)


def finish(folder: Path, run: Run) -> None:
    """Write the outcome into run.json.  Raises NS624."""
    results: dict[str, Figures] = {name: {**figures} for name, figures in run.results.items()}
    _write_info(
        folder,
        replace(
            read_info(folder),
            status=run.status,
            reason=run.reason,
            epochs=run.epochs,
            best_epoch=run.best_epoch,
            seconds=round(run.seconds, 3),
            results=results,
        ),
    )
