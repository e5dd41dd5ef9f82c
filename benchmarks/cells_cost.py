"""What a recurrent cell costs beside time: the memory of a training step, and the first call of a process.

Memory: in a fresh process the layer and its input are made, a step of 4 x 16 rows loads code and compiles kernels,
freed memory is given back to the system; then three training steps run.  Counted is how far the resident size rises
in these above what it was before them, by Linux's own mark (VmHWM, set back through /proc/self/clear_refs): what is
kept for the gradient, workspaces, outputs and gradients, on both sides alike.

First call: a fresh process imports torch and netspec, loads the file and builds the module, and then the clock runs for
one forward and backward; loading and building stand in the notes.  Kernels are kept in $NETSPEC_CACHE: a new folder for
each run, or one that an earlier process has filled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.cell_peers import spec
from benchmarks.command import main
from benchmarks.measure import ROOT, Figure, Spread, in_turn, ratios

SIZES = {(100, 32, 256): ("lstm_peephole", "sru"), (50, 64, 512): ("lstm_peephole", "sru")}
T, B, H = 100, 32, 256  # of the first call

MEMORY = """
import ctypes, sys
from pathlib import Path
import torch
from benchmarks.cell_peers import layer, training

cell, (T, B, H) = sys.argv[1], map(int, sys.argv[2:])
model = torch.nn.LSTM(H, H, batch_first=True) if cell == "nn.LSTM" else layer(cell, H)
training(model, torch.randn(16, 4, H))()
step = training(model, torch.randn(B, T, H))
model.zero_grad()
ctypes.CDLL(None).malloc_trim(0)

def status(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
for _ in range(3):
    step()
print((status("VmHWM") - before) * 1.024e-3)
"""

FIRST = """
import sys, time
import torch
import netspec

x = torch.randn(*map(int, sys.argv[2:]))
start = time.perf_counter()
module = netspec.to_torch(netspec.load(sys.argv[1]))
built = time.perf_counter()
module(x).mean().backward()
print(built - start, time.perf_counter() - built)
"""


def child(code: str, arguments: Sequence[object], cache: str = "") -> list[float]:
    """The numbers that a fresh process prints."""
    environment = {**os.environ, **({"NETSPEC_CACHE": cache} if cache else {})}
    words = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def growth(cell: str, size: tuple[int, ...]) -> Callable[[], float]:
    """MB by which the process grows."""
    return lambda: child(MEMORY, [cell, *size])[0]


def memory(rounds: int) -> list[Figure]:
    found = []
    for size, cells in SIZES.items():
        sides = {cell: growth(cell, size) for cell in cells}
        sides |= {"nn.LSTM": growth("nn.LSTM", size), "nn.LSTM again": growth("nn.LSTM", size)}
        values = in_turn(sides, rounds, clock=lambda side, _: float(side()))
        for cell in cells:
            what = "memory of a training step, {}, T={} B={} H={}".format(cell, *size)
            found.append(
                Figure(
                    what,
                    "`nn.LSTM`",
                    "MB",
                    Spread.of(values[cell]),
                    Spread.of(values["nn.LSTM"]),
                    Spread.of(ratios(values, cell, "nn.LSTM")),
                    1.3,
                    Spread.of(ratios(values, "nn.LSTM again", "nn.LSTM")),
                )
            )
    return found


def first_calls(rounds: int) -> list[Figure]:
    arguments = [spec("lstm_peephole", H), B, T, H]
    times: dict[str, list[list[float]]] = {"empty": [], "filled": []}
    with tempfile.TemporaryDirectory() as filled:
        child(FIRST, arguments, filled)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as empty:
                times["empty"].append(child(FIRST, arguments, empty))
            times["filled"].append(child(FIRST, arguments, filled))
    found = []
    for name, bound in (("empty", 5.0), ("filled", 0.3)):
        what = f"first forward and backward of lstm_peephole in a process, kernel cache {name}"
        more = {"loading and building before it": f"{median(t[0] for t in times[name]):.2f} s"}
        found.append(Figure(what, "", "s", Spread.of([t[1] for t in times[name]]), bound=bound, more=more))
    return found


def measure(quick: bool) -> list[Figure]:
    return [*memory(1 if quick else 5), *first_calls(2 if quick else 10)]


if __name__ == "__main__":
    main("cells_cost", measure)
