"""A failing seed makes the run fail, in one process and in two."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.differential.long_run import Outcome, long_run


def odd_fails(seed: int, folder: Path) -> Outcome:
    if seed == 5:
        raise KeyError("five")
    return Outcome(Counter({"compared": 2}), f"seed {seed}: differs" if seed % 2 else "")


def five_dies(seed: int, folder: Path) -> Outcome:
    if seed == 5:
        os._exit(3)
    return Outcome(Counter({"compared": 1}))


def even_hold(seed: int, folder: Path) -> Outcome:
    return Outcome(Counter({"compared": 1 + seed % 2}))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_failing_seed_fails_the_run(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert long_run("cases", odd_fails, arguments=["--count", "7", "--jobs", jobs]) == 1
    shown = capsys.readouterr().out
    assert "seed 1: differs" in shown and "seed 3: differs" in shown and "seed 5: KeyError: 'five'" in shown
    assert [line.split() for line in shown.splitlines()[-3:]] == [
        ["compared", "12"], ["crashed", "1"], ["failures", "3"]]  # fmt: skip


def test_a_process_that_dies_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_run("cases", five_dies, arguments=["--count", "8", "--jobs", "2"]) == 1
    assert "a process died in the seeds 0 to 7" in capsys.readouterr().out


def test_a_clean_run_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_run("cases", even_hold, arguments=["--count", "4", "--seed", "10"]) == 0
    assert "4 cases, seeds 10 to 13" in capsys.readouterr().out
