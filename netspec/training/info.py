"""What run.json and a line of metrics.jsonl hold: what is written is what is read, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from netspec.frontend.origin import Origin
from netspec.graph.digest import Digests
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.records import Count, NotNegative, Positive
from netspec.source.records.fields import ADDED
from netspec.source.records.from_json import read_record
from netspec.training.files import read_json

SPEC = "spec.yaml"  # what is trained, beside it
INFO = "run.json"

Figures = dict[str, float | None]  # loss and metrics by name; None: it has no value, such as r2 of equal numbers


@dataclass(frozen=True)
class Versions:
    python: str
    torch: str
    numpy: str


@dataclass(frozen=True)
class Machine:
    system: str
    processor: str
    cores: Positive | None
    threads: Positive
    vectors: str
    gpu: str | None


@dataclass(frozen=True)
class Resumed:
    """When a run was gone on with, after which epoch, and what was not as it was when it began."""

    started: str
    epoch: Count
    differs: list[str]


@dataclass(frozen=True)
class BegunFrom:
    """The weights that a run began with: a run or a file, the hash of the file that holds them, and how many tensors
    were carried, sliced, widened, initialised, dropped."""

    source: str
    sha256: str
    tensors: dict[str, Count]
    keeps_function: bool  # did the network compute at first what that of the source does?


@dataclass(frozen=True)
class RunInfo:
    """run.json.  `folder`: what the paths of the spec are relative to; what stands below `machine` comes at the end."""

    netspec: str
    name: str
    spec_sha256: str
    seed: Count
    device: str
    folder: str
    started: str
    versions: Versions
    machine: Machine
    begun_from: BegunFrom | None = field(default=None, metadata=ADDED)
    left_out: Count = 0  # samples that each epoch leaves out: a last batch of one, where batch norm has no variance
    status: Literal["running", "finished", "interrupted", "failed"] = "running"
    reason: str = ""
    epochs: Count = 0
    best_epoch: Count = 0
    seconds: NotNegative = 0.0
    results: dict[str, Figures] = field(default_factory=dict)
    resumed: list[Resumed] = field(default_factory=list)
    origin: Origin | None = field(default=None, metadata=ADDED)  # the file; None for a text that is in none
    digests: Digests | None = field(default=None, metadata=ADDED)

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.folder or "\0" in self.folder:
            yield "folder", "the path of a folder"
        if self.best_epoch > self.epochs:
            yield "best_epoch", f"at most {self.epochs}"


@dataclass(frozen=True)
class EpochLine:
    """One line of metrics.jsonl.  `running_loss` is Q; `validation` has the loss and each metric of that part."""

    epoch: Positive
    step: Count
    lr: NotNegative
    loss: float
    running_loss: float | None
    validation: Figures | None
    seconds: NotNegative

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.validation is not None and self.validation.get("loss") is None:
            yield "validation", "`loss` among the figures, a number"


def read_info(folder: Path) -> RunInfo:
    """Raises NS622 when run.json is missing, broken, or not what netspec wrote."""
    return read_record(read_json(folder / INFO), RunInfo, "NS622", str(folder / INFO), "put it back as it was")


def no_run(path: Path, message: str) -> NetspecError:
    """NS631 of a path that is no run, with the run beside it that was likely meant."""
    try:
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir() if (p / SPEC).is_file()])
    except OSError:
        near = ""
    return NetspecError("NS631", message, name=str(path), hint=near or "name a folder that `netspec train` wrote")
