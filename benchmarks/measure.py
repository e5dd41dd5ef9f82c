"""How everything here is measured: sides in turn, pairwise ratios, medians, and results written beside their machine.

Drift of the machine (clock, heat, neighbours) is far larger than 2 %.  So a round times every side once, in an order
that turns from round to round; each round gives one ratio, and the figure is the median of the ratios.
"""

from __future__ import annotations

import datetime
import gc
import importlib.metadata
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ROOT / "architectures"
RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "netspec",
    "torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "networkx",
    "jsonschema",
    "pyyaml",
    "typer",
)

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


def in_turn(sides: Mapping[str, Side], rounds: int, *, inner: int = 1, rest: float = 0.0,
            clock: Callable[[Side, int], float] = timed) -> dict[str, list[float]]:  # fmt: skip
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


def figure(what: str, against: str, times: Mapping[str, Sequence[float]], *, bound: float | None,
           ours: str = "netspec", theirs: str = "hand", control: str = "", unit: str = "ms",
           more: Mapping[str, Any] | None = None) -> Figure:  # fmt: skip
    """A figure from what `in_turn` gave; `control` names the second copy of the peer."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    return Figure(
        what, against, unit,
        Spread.of([t * scale for t in times[ours]]),
        Spread.of([t * scale for t in times[theirs]]),
        Spread.of(ratios(times, ours, theirs)),
        bound,
        Spread.of(ratios(times, control, theirs)) if control else None,
        more or {},
    )  # fmt: skip


def architecture(name: str) -> Path:
    return ARCHITECTURES / f"{name}.yaml"


def machine() -> dict[str, Any]:
    """The machine, and how busy it was when the measurement began."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "torch_threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


def main(group: str, measure: Callable[[bool], list[Figure]]) -> None:
    """The command of one file: measure, print, write results/GROUP.json; `--quick` tries it and writes nothing."""
    from benchmarks.table import line, write_table

    quick = "--quick" in sys.argv[1:]
    load, started = os.getloadavg()[0], time.perf_counter()
    figures = measure(quick)
    for found in figures:
        print(line(as_record(found)), flush=True)
    if quick:
        return
    record = {
        "group": group,
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.perf_counter() - started),
        "machine": {**machine(), "load_average_before": round(load, 2)},
        "versions": versions(),
        "figures": [as_record(found) for found in figures],
    }
    write_whole(RESULTS / f"{group}.json", json.dumps(_rounded(record), indent=1, ensure_ascii=False) + "\n")
    write_table()


def write_whole(path: Path, text: str) -> None:
    """The old file or the new one, never half of one."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def as_record(found: Figure) -> dict[str, Any]:
    return {**asdict(found), "met": found.met}


def _rounded(value: Any) -> Any:
    """Five significant digits: more is noise, and makes every new run a large diff."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value
