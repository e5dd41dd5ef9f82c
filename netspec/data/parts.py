"""A data set ready to learn from, in parts that no sample is in twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.data.fingerprint import Fingerprint
from netspec.data.images import Images
from netspec.data.preprocess import Array, InputRule, Preprocess
from netspec.data.symbols import Symbols


@dataclass(frozen=True)
class ImageRows:
    """Some of the images, made into an input only when a batch of them is taken."""

    images: Images
    indices: NDArray[np.int64]
    rule: InputRule

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, rows: NDArray[np.int64]) -> Array:
        return self.rule.apply(self.images.take(self.indices[rows]))


@dataclass(frozen=True)
class DataPart:
    """Some of the samples.

    Inputs are arrays in the network's shape and type, images still on disk, or symbols.  `lengths`: how many steps of
    each sample there are, where a batch may be cut to its longest; `ordered`: the samples follow each other in a text.
    """

    inputs: dict[str, Array | ImageRows | Symbols]
    targets: dict[str, Array]
    count: int
    lengths: NDArray[np.int64] | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Dataset:
    """`parts` has train, and validation and test where they have a share; `fingerprint` says what was read."""

    parts: dict[str, DataPart]
    preprocess: Preprocess
    fingerprint: Fingerprint
