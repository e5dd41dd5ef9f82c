"""How everything here is measured: sides in turn, pairwise ratios, medians.

Drift of the machine (clock, heat, neighbours) is far larger than 2 %.  So a round times every side once, in an order
that turns from round to round; each round gives one ratio, and the figure is the median of the ratios.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ROOT / "architectures"
RESULTS = Path(__file__).resolve().parent / "results"
Side = Callable[[], Any]


@dataclass(frozen=True)
class Spread:
    """A median, the 95 % interval of that median, the middle half of the values, and how many there were."""

    median: float
    interval: tuple[float, float]
    quartiles: tuple[float, float]
    count: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The interval is the order statistics' (binomial): it asks for no shape of the noise."""
        v, n = sorted(values), len(values)
        reach = 1.96 * math.sqrt(n) / 2
        low, high = max(0, math.floor(n / 2 - reach) - 1), min(n - 1, math.ceil(n / 2 + reach))
        quarters = statistics.quantiles(v, n=4, method="inclusive") if n > 1 else [v[0]] * 3
        return Spread(statistics.median(v), (v[low], v[high]), (quarters[0], quarters[2]), n)


@dataclass(frozen=True)
class Figure:
    """One line of the table.  The bound is on the ratio, or on our own value where there is no peer; None: no bound.

    `control` is the peer against a second copy of itself, measured in the same rounds: what is left of it beside 1 is
    noise.
    """

    what: str
    against: str
    unit: str
    ours: Spread
    theirs: Spread | None = None
    ratio: Spread | None = None
    bound: float | None = None
    control: Spread | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return (self.ratio or self.ours).median

    @property
    def met(self) -> bool | None:
        return None if self.bound is None else self.value <= self.bound


def timed(side: Side, inner: int = 1) -> float:
    """Seconds of one call, the mean of `inner`.  Collection runs as it does for a user, and begins with nothing due."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(inner):
        side()
    return (time.perf_counter() - start) / inner


def in_turn(
    sides: Mapping[str, Side],
    rounds: int,
    *,
    inner: int = 1,
    rest: float = 0.0,
    clock: Callable[[Side, int], float] = timed,
) -> dict[str, list[float]]:
    """Time every side once a round, in an order that turns: name -> seconds, one a round.

    `rest` is a pause before each block, for threads of the side before that still spin.
    """
    names = list(sides)
    found: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        first = i % len(names)
        order = names[first:] + names[:first]
        for name in order if (i // len(names)) % 2 == 0 else reversed(order):
            if rest:
                time.sleep(rest)
            found[name].append(clock(sides[name], inner))
    return found


def ratios(times: Mapping[str, Sequence[float]], ours: str, theirs: str) -> list[float]:
    return [a / b for a, b in zip(times[ours], times[theirs], strict=True)]


def figure(
    what: str,
    against: str,
    times: Mapping[str, Sequence[float]],
    *,
    bound: float | None,
    ours: str = "netspec",
    theirs: str = "hand",
    control: str = "",
    unit: str = "ms",
    more: Mapping[str, Any] | None = None,
) -> Figure:
    """A figure from what `in_turn` gave; `control` names the second copy of the peer."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    return Figure(
        what,
        against,
        unit,
        Spread.of([t * scale for t in times[ours]]),
        Spread.of([t * scale for t in times[theirs]]),
        Spread.of(ratios(times, ours, theirs)),
        bound,
        Spread.of(ratios(times, control, theirs)) if control else None,
        more or {},
    )


def architecture(name: str) -> Path:
    return ARCHITECTURES / f"{name}.yaml"
