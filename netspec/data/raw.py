"""What sources give and what networks take, before the one has been made into the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.images import Images
from netspec.data.preprocess import Array, InputRule
from netspec.data.symbols import Symbols
from netspec.shapes.dim import Size
from netspec.shapes.lengths import Lengths
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.text import Span


@dataclass(frozen=True)
class Target:
    """What stands in the data for one output; `what` and `span` are for messages, `names` known class names.

    `steps`: there is one for each step, (N, T, …), and the classes are along the output's last axis; and `kept`,
    (N, T), has the steps that count, None for all.  `folders`: labels are names of folders, which are never missing;
    `lines`: of a table, where each sample stands.
    """

    values: Array
    what: str
    span: Span | None
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    steps: bool = False
    kept: NDArray[np.bool_] | None = None
    folders: bool = False
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Raw:
    """All samples of a source.

    `lengths`: of sequences, for a network that is told them and takes any number of steps; `ordered`: the samples
    follow each other.
    """

    inputs: dict[str, Array | Images | Symbols]
    rules: dict[str, InputRule]
    targets: dict[str, Target]
    count: int
    lengths: NDArray[np.int64] | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Network:
    """What a source has to feed: the network's inputs, its trained outputs with the kind of target each loss takes.

    `entries`: input -> how many entries an embedding has for its numbers, or for each number of a sample; `counted`:
    input of lengths -> the axis of steps that they count.
    """

    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    kinds: Mapping[str, str]
    folder: Path = field(default_factory=Path)
    entries: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    counted: Mapping[str, Size] = field(default_factory=dict)
    lengths: Lengths = field(default_factory=Lengths)  # of named axes

    def told(self, steps: Size) -> str:
        """The input that has the lengths of sequences with this axis of steps, or ""; of several the last."""
        return next((name for name in reversed(list(self.counted)) if self.counted[name] == steps), "")


def only(kinds: Mapping[str, Any], what: str, source: str, span: Span | None) -> str:
    if len(kinds) != 1:
        raise NetspecError(
            "NS605",
            f"{source} feeds one {what}, the network has {len(kinds)}: {', '.join(kinds)}",
            span,
            hint="use a source of type npz, with an array for each",
        )
    return next(iter(kinds))


def shape_of(type_: TensorType) -> tuple[int | str, ...]:
    """The shape without the batch, as JSON keeps it."""
    return tuple(size if isinstance(size, int) else str(size) for size in type_.shape[1:])
