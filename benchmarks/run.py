"""All figures, one process each so that none warms another: `python -m benchmarks.run`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import ROOT
from benchmarks.table import GROUPS


def main() -> None:
    for group in GROUPS:
        print(f"{group}:", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{group}", *sys.argv[1:]], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
