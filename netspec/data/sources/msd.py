"""Measuring spike delays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netspec.data.generated_sequences import Sequences, drawn
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.errors import Problem
from netspec.source.records import Count, Positive


@source("msd")
class Msd(SequenceTask):
    """Measuring spike delays: a train of spikes; at each, say by how much it came late.

    One number a step, 1 at a spike and else 0.  Spike n is at T(n) = T(n − 1) + F + I(n), T(0) = 0, with F = `period`
    and I(n) one of `delays` at random; the target at T(n) is I(n), the other steps have none.  Solved when every error
    is below 0.49.  `spikes`: 1 is the paper's NMSD, 100 its continual MSD.
    Gers & Schmidhuber 2000; Gers, Schraudolph & Schmidhuber 2002, Learning precise timing, JMLR 3.
    """

    period: Positive = 10
    delays: tuple[Count, ...] = (0, 1)
    spikes: Positive = 10
    samples: Positive = 1_000
    seed: Count = 0

    def problems(self) -> Iterator[Problem]:
        if not self.delays:
            yield Problem("NS601", "`delays` is empty", self.span_at("delays"), "such as [0, 1]")

    def make(self) -> Sequences:
        import numpy as np

        rng, shape = drawn(self.seed, 6), (self.samples, self.spikes)
        late = rng.choice(np.array(self.delays), shape)
        times = np.cumsum(self.period + late, axis=1)  # counted from 1
        lengths = times[:, -1]
        spike = np.zeros((self.samples, int(lengths.max())), bool)
        np.put_along_axis(spike, times - 1, True, axis=1)
        target = np.zeros(spike.shape, np.int64)
        np.put_along_axis(target, times - 1, late, axis=1)
        targets: dict[str, Any] = {"classes": target, "signs": target, "numbers": target.astype(np.float32)}
        names = tuple(map(str, range(max(self.delays) + 1)))
        return Sequences(spike[..., None].astype(np.float32), lengths, targets, names=names, mask=spike)
