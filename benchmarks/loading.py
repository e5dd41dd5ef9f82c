"""`netspec.load`, in process: resnet152, and how the time grows with the length of a file."""

from __future__ import annotations

import subprocess
import sys

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, Spread, architecture, figure, in_turn

FIRST = """
import sys, time
import netspec
start = time.perf_counter()
netspec.load(sys.argv[1])
print(time.perf_counter() - start)
"""


def chain(layers: int) -> str:
    """A text of so many layers, linear and relu in turn."""
    body = "".join(f"  l{i}: {{type: linear, out_features: 64}}\n  r{i}: relu\n" for i in range(layers // 2))
    return f"netspec: 1\nname: chain\ninputs:\n  x: [64]\nlayers:\n{body}"


def first_call(path: str) -> float:
    """The first `load` of a process, in seconds: it also reads the layer kinds and their schemas in."""
    words = [sys.executable, "-c", FIRST, path]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def measure(quick: bool) -> list[Figure]:
    path = str(architecture("resnet152"))
    first = Spread.of([first_call(path) * 1e3 for _ in range(3 if quick else 20)])
    netspec.load(path)
    again = in_turn({"netspec": lambda: netspec.load(path)}, 5 if quick else 50)["netspec"]
    long, short = chain(10_000), chain(1_000)
    assert len(long) < 2**20 and len(netspec.load(short)) == 1_001
    chains = in_turn({"long": lambda: netspec.load(long), "short": lambda: netspec.load(short)}, 3 if quick else 20)
    return [
        Figure("`netspec.load` of resnet152, first in its process", "", "ms", first, bound=80),
        Figure("`netspec.load` of resnet152, again", "", "ms", Spread.of([t * 1e3 for t in again]), bound=100),
        figure(
            "`netspec.load` of a chain of 10,000 layers",
            "a chain of 1,000",
            chains,
            ours="long",
            theirs="short",
            bound=12,
        ),
    ]


if __name__ == "__main__":
    main("loading", measure)
