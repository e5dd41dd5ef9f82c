"""What sources give, before it is made into what the network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.data.images import Images
from netspec.data.preprocess import Array, InputRule
from netspec.data.symbols import Symbols
from netspec.source.text import Span


@dataclass(frozen=True)
class RawTarget:
    """What stands in the data for one output; `subject` and `span` are for messages, `names` known class names.

    `steps`: there is one for each step, (N, T, …), and the classes are along the output's last axis; and `mask`,
    (N, T), has the steps that count, None for all.  `folders`: labels are names of folders, which are never missing;
    `lines`: of a table, where each sample stands.
    """

    values: Array
    subject: str
    span: Span | None
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    steps: bool = False
    mask: NDArray[np.bool_] | None = None
    folders: bool = False
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Raw:
    """All samples of a source.

    `lengths`: of sequences, for a network that takes them, and any number of steps; `ordered`: the samples
    follow each other.  `delimiter`: between the cells of the table they were read from.
    """

    inputs: dict[str, Array | Images | Symbols]
    rules: dict[str, InputRule]
    targets: dict[str, RawTarget]
    count: int
    lengths: NDArray[np.int64] | None = None
    ordered: bool = False
    delimiter: str = ","


@dataclass(frozen=True)
class Samples:
    """New samples to predict: what each is called, and the inputs as the network takes them."""

    labels: Sequence[str]
    inputs: list[Array]
