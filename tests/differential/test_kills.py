"""Some killed trainings and exports; for more, `python -m tests.differential.kills --count 500`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """In a fresh process, which forks: seeds 0 to 7 have trainings, claims of folders and exports among them."""
    command = [sys.executable, "-m", "tests.differential.kills", "--count", "8", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("trainings killed", "claims killed", "exports killed"):
        assert what in done.stdout, done.stdout
