"""The weights that a run begins with where they are those of another network: kept in the run's folder, so that a run
that is killed before its first checkpoint begins with the same again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from netspec.source.errors import NetspecError
from netspec.source.records.from_json import parse_json, read_record
from netspec.training.info import BegunFrom, RunInfo
from netspec.training.runs import INITIAL
from netspec.training.weights import Weights, expected_of, put_weights, read_tensors, write_tensors

_META = "netspec.begun_from"


@dataclass(frozen=True)
class Start:
    """All weights of a network, and where they come from."""

    tensors: Weights
    begun_from: BegunFrom

    def put(self, module: nn.Module, name: str) -> None:
        """Give them to a module.  Raises NS622 when they are another network's; `name` is where they stand."""
        put_weights(module, {key: self.tensors[key] for key in expected_of(module) if key in self.tensors}, name)


def write_start(folder: Path, start: Start) -> None:
    """Before any other file of the run.  Raises NS624."""
    write_tensors(folder / INITIAL, start.tensors, {_META: json.dumps(asdict(start.begun_from))})


def read_start(folder: Path) -> Start | None:
    """What a run was begun with; None where it began anew.  Raises NS622 for a broken file."""
    path = folder / INITIAL
    if not path.exists():
        return None
    tensors, metadata = read_tensors(path)
    if _META not in metadata:
        raise NetspecError("NS622", f"has no `{_META}` in its metadata", name=str(path), hint="start a new run")
    parsed = parse_json(metadata[_META], "NS622", str(path))
    return Start(tensors, read_record(parsed, BegunFrom, "NS622", str(path), "start a new run"))


def check_start(folder: Path, info: RunInfo, start: Start | None) -> None:
    """Raises NS622 where a run that has no checkpoint yet has lost the weights that it began with."""
    if info.begun_from != (start.begun_from if start else None):
        was = f"the weights of {info.begun_from.source}" if info.begun_from else "fresh weights"
        why = f"was begun with {was}, which are not in its {INITIAL}"
        raise NetspecError("NS622", why, name=str(folder), hint="start a new run")
