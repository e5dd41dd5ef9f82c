"""Symbols that a network takes as vectors with a 1 in the symbol's place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.data.preprocess import Array


@dataclass(frozen=True)
class Symbols:
    """(N, T) numbers of `count` symbols, made into (N, T, count) only when a batch is taken; −1 is a step of zeros."""

    codes: NDArray[np.int64]
    count: int

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: NDArray[np.int64]) -> Symbols:
        return Symbols(self.codes[rows], self.count)

    def vectors(self) -> Array:
        """All of them, float32."""
        ones: Array = self.codes[..., None] == np.arange(self.count)
        return ones.astype(np.float32)
