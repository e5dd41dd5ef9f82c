"""Options of the whole test run: which tests run, and on how many processors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
HERE = Path(__file__).parent

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: two teams of threads would fight for the processors
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, CPUS // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite", action="store_true", help="write golden texts anew from what the code says now")
    parser.addoption("--slow", action="store_true", help="run the tests marked `slow` too, as .ci/run does")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for each processor when all tests run; starting them takes longer than a file of tests."""
    wanted = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return CPUS if any(HERE.is_relative_to(path) for path in wanted) and not config.getoption("overwrite") else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out unless they are asked for, or one is named."""
    if config.getoption("slow") or any("::" in arg for arg in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]
