"""`netspec validate` on resnet152 as a user meets it: a whole process, and the memory that it takes.

Cold is a fresh process.  The files are in the page cache and compiled to bytecode on both sides: one round before the
first that counts sees to it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.command import main
from benchmarks.measure import Figure, Spread, architecture, figure, in_turn

# The peak of a child begins as the peak of the process that it was forked from.  So a bare interpreter stands between.
PEAK = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss / (2**10 if sys.platform.startswith("linux") else 2**20))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def command(words: Sequence[str]) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    return run


def peak(words: Sequence[str]) -> float:
    """The largest resident size of a process, in MiB."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", PEAK, *words], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(quick: bool) -> list[Figure]:
    # The console script that pip wrote beside this interpreter.
    validate = [str(Path(sys.executable).parent / "netspec"), "validate", str(architecture("resnet152"))]
    torch = [sys.executable, "-c", "import torch"]
    rounds = 3 if quick else 40
    in_turn({"netspec": command(validate), "torch": command(torch)}, 1)
    times = in_turn({"netspec": command(validate), "torch": command(torch)}, rounds)
    peaks = [peak(validate) for _ in range(2 if quick else 10)]
    return [
        figure(
            "cold `netspec validate` of resnet152, whole process",
            '`python -c "import torch"`',
            times,
            theirs="torch",
            bound=0.33,
        ),
        Figure(
            "peak memory of `netspec validate` of resnet152",
            "",
            "MB",
            Spread.of([p * 1.048576 for p in peaks]),
            bound=120,
        ),
    ]


if __name__ == "__main__":
    main("cold", measure)
