"""Temporal order."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal

from netspec.data.generated_sequences import Sequences, drawn
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.records import Count, Limit, Positive

ALPHABET = "EBabcdXY"
WINDOWS = {2: ((0.10, 0.20), (0.50, 0.60)), 3: ((0.10, 0.20), (0.33, 0.43), (0.66, 0.76))}  # shares of `length`


@source("temporal_order")
class TemporalOrder(SequenceTask):
    """In which order two (or three) X and Y came: 4 (or 8) classes.

    From `length` to 1.1·`length` symbols of E B a b c d X Y: E first, B last, a b c d at random between, and `marks`
    times X or Y: between 10 and 20 % of `length` and between 50 and 60 % (task 6a, 2 marks), or between 10 and 20,
    33 and 43, and 66 and 76 % (task 6b, 3 marks).  Classes: XX XY YX YY, or XXX XXY … YYY.
    Hochreiter & Schmidhuber 1997, Long short-term memory, experiment 6.
    """

    length: Annotated[int, Limit(minimum=10)] = 100
    marks: Literal[2, 3] = 2
    samples: Positive = 10_000
    seed: Count = 0

    def make(self) -> Sequences:
        import numpy as np

        rng, n = drawn(self.seed, 2), self.samples
        lengths = rng.integers(self.length, self.length + self.length // 10, n, endpoint=True)
        step = np.arange(lengths.max())
        x = rng.integers(2, 6, (n, len(step)))
        row = np.arange(n)
        x[:, 0] = 0
        label = np.zeros(n, np.int64)
        for low, high in WINDOWS[self.marks]:
            which = rng.integers(0, 2, n)
            position = rng.integers(round(low * self.length), round(high * self.length), n, endpoint=True)
            x[row, position] = 6 + which
            label = 2 * label + which
        x[row, lengths - 1] = 1
        x[step >= lengths[:, None]] = -1
        names = tuple(map("".join, product("XY", repeat=self.marks)))
        return Sequences(x, lengths, {"classes": label}, tuple(ALPHABET), names)
