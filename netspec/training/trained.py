"""A finished, or interrupted, run as something to compute with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from netspec.backends.torch.module import to_torch
from netspec.data.preprocess import Preprocess
from netspec.source.errors import NetspecError
from netspec.source.lock import holder
from netspec.source.memory import memory
from netspec.spec import Spec, load
from netspec.training.info import SPEC, RunInfo, no_run, read_info
from netspec.training.runs import BEST, read_preprocess
from netspec.training.weights import load_weights


@dataclass(frozen=True)
class Trained:
    """The network of a run with its best weights, in eval mode."""

    path: Path
    spec: Spec
    module: nn.Module
    preprocess: Preprocess
    info: RunInfo
    notes: tuple[str, ...] = ()  # what whoever uses it has to know


@dataclass(frozen=True)
class TrainedSpec:
    """What a run says of its network; its weights are not read."""

    spec: Spec
    info: RunInfo
    trainer: str  # the process that trains it now; empty where none does

    def notes(self, path: Path, epoch: str) -> tuple[str, ...]:
        """What whoever uses its best weights, of this epoch, has to know."""
        if self.trainer:
            return (f"{path} is being trained by {self.trainer}: these are its best weights so far, of epoch {epoch}",)
        status = self.info.status
        if status == "finished":
            return ()
        how = "was killed" if status == "running" else "failed" if status == "failed" else "was interrupted"
        return (f"{path} {how} before its end: these are its best weights so far, of epoch {epoch}",)


def trained_spec(path: Path) -> TrainedSpec:
    """Raises NS631 when the folder is no run or has no weights yet, NS622 when a file in it is broken."""
    if not (path / SPEC).is_file():
        what = "no such run"
        if path.exists():
            what = "is no run: it has no spec.yaml" if path.is_dir() else "is a file, expected the folder of a run"
        raise no_run(path, what)
    trainer = holder(path)
    if not (path / BEST).is_file():
        why = f"{trainer} is before its first checkpoint" if trainer else "it was stopped before its first checkpoint"
        raise NetspecError(
            "NS631",
            f"has no weights yet: {why}",
            name=str(path),
            hint="wait for it" if trainer else "go on with it with --resume",
        )
    info = read_info(path)
    spec = load(path / SPEC, folder=Path(info.folder))
    spec.name = info.name
    return TrainedSpec(spec, info, trainer)


@memory("while reading the run")
def load_run(path: Path | str) -> Trained:
    """Raises NS631 when the folder is no run or has no weights yet, NS622 when a file in it is broken."""
    path = Path(path)
    trained = trained_spec(path)
    preprocess = read_preprocess(path, trained.spec)
    module = to_torch(trained.spec)
    epoch = load_weights(path / BEST, module).get("epoch", "?")
    notes = trained.notes(path, epoch)
    return Trained(path, trained.spec, module.eval(), preprocess, trained.info, notes)
