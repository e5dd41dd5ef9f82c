"""The adding problem."""

from __future__ import annotations

from typing import Annotated

from netspec.data.generated_sequences import Sequences, drawn
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.records import Count, Limit, Positive


@source("adding")
class Adding(SequenceTask):
    """The adding problem: pairs of a number in [−1, 1] and a mark; the target is 0.5 + (X1 + X2)/4.

    Between T = `length` and T + T/10 pairs.  Two are marked by 1: one of the first ten (X1), and one of the first
    T/2 − 1 that are still unmarked (X2); the first and the last pair have −1 there, all others 0.  Where the first pair
    is marked, its number is 0.  Solved when every error is below 0.04.
    Hochreiter & Schmidhuber 1997, Long short-term memory, experiment 4.
    """

    length: Annotated[int, Limit(minimum=20)] = 100
    samples: Positive = 10_000
    seed: Count = 0

    def make(self) -> Sequences:
        import numpy as np

        rng, n, t = drawn(self.seed, 1), self.samples, self.length
        lengths = rng.integers(t, t + t // 10, n, endpoint=True)
        inside = np.arange(t + t // 10) < lengths[:, None]
        values = np.where(inside, rng.uniform(-1, 1, inside.shape), 0)
        first = rng.integers(0, 10, n)
        second = rng.integers(0, t // 2 - 1, n)
        second += second >= first  # the first is marked already
        row = np.arange(n)
        marks = np.zeros(inside.shape)
        marks[:, 0] = marks[row, lengths - 1] = -1
        marks[row, first] = marks[row, second] = 1
        values[marks[:, 0] == 1, 0] = 0
        target = 0.5 + (values[row, first] + values[row, second]) / 4
        x = np.stack([values, marks], axis=2).astype(np.float32)
        width = lengths.max()
        return Sequences(x[:, :width], lengths, {"numbers": target.astype(np.float32)})
