"""Weights under other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from netspec.graph.model import Graph
from netspec.migrate.weights_file import WeightsFile
from netspec.source.errors import NetspecError


@dataclass(frozen=True)
class Renamed:
    """A layer, the prefix of its tensors in the file, and what was done with them besides."""

    layer: str
    file: str
    how: str = ""


def named_by_structure(file: WeightsFile, graph: Graph) -> tuple[Mapping[str, Tensor], tuple[Renamed, ...]]:
    raise NetspecError("NS641", "these weights have other names than the network", name=str(file.path))
