"""A long run of random cases by one command: seeds in, a progress bar, sums at the end, exit status 1 on a failure.

sys.exit(long_run("networks", one))        # --count 20000 --seed 0 --jobs 2 --out FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

MAX_FAILURES = 50  # a run with so many has said what it has to say
_SEEDS_A_TASK = 20
_SEEDS_A_POOL = 2000  # then fresh processes, so that what a library keeps for each network does not add up


@dataclass(frozen=True)
class Outcome:
    """What one seed came to: counts that are added up, and for a failure what differed and the file it is kept in."""

    counts: Counter[str] = field(default_factory=Counter)
    failure: str = ""


One = Callable[[int, Path], Outcome]  # seed and the folder for failures -> outcome; a function of a module


def long_run(title: str, one: One, count: int = 1000, arguments: list[str] | None = None) -> int:
    """Run `one` for the seeds of the command line.  The exit status: 1 when a case failed."""
    parser = argparse.ArgumentParser(description=f"random {title}: each seed is one case, the same on every machine")
    parser.add_argument("--count", type=int, default=count, help=f"how many (default {count})")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--out", type=Path, default=Path(".differential"), help="where failures go (.differential)")
    given = parser.parse_args(arguments)
    console = Console()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    started = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    done = 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=given.count)
        for outcome in _outcomes(
            partial(one_seed, one, given.out), range(given.seed, given.seed + given.count), given.jobs
        ):
            done += 1
            counts += outcome.counts
            progress.advance(task)
            if outcome.failure:
                failures.append(outcome.failure)
                progress.console.print(outcome.failure, style="red", markup=False, highlight=False)
                console.file.flush()  # a log is read while it grows
            if len(failures) >= MAX_FAILURES:
                progress.console.print(f"stopped after {MAX_FAILURES} failures", style="red")
                break
    seconds = time.monotonic() - started
    console.print(
        f"{done:,} {title}, seeds {given.seed} to {given.seed + done - 1}, {given.jobs} processes, "
        f"{seconds:.0f} s ({done / seconds:.1f} a second)",
        highlight=False,
    )
    for name, number in sorted(counts.items()):
        console.print(f"  {name:<32} {number:>12,}", highlight=False)
    console.print(f"  {'failures':<32} {len(failures):>12,}", style="red" if failures else "green", highlight=False)
    return 1 if failures else 0


def one_seed(one: One, folder: Path, seed: int) -> Outcome:
    """One case; what it raises is a failure with its seed, so that a run never ends half way."""
    try:
        return one(seed, folder)
    except Exception as error:
        return Outcome(Counter({"crashed": 1}), f"seed {seed}: {type(error).__name__}: {error}")


def _outcomes(one: Callable[[int], Outcome], seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(one, seeds)
        return
    for first in range(0, len(seeds), _SEEDS_A_POOL):  # `max_tasks_per_child` can hang for ever (CPython issue 115634)
        with ProcessPoolExecutor(jobs, get_context("spawn"), _single_threaded) as pool:
            try:
                yield from pool.map(one, seeds[first : first + _SEEDS_A_POOL], chunksize=_SEEDS_A_TASK)
            except BrokenProcessPool:
                last = seeds[min(first + _SEEDS_A_POOL, len(seeds)) - 1]
                yield Outcome(Counter({"died": 1}), f"a process died in the seeds {seeds[first]} to {last}")
            finally:
                pool.shutdown(cancel_futures=True)


def _single_threaded() -> None:
    import torch

    torch.set_num_threads(1)
