"""`to_torch` of resnet152 against the constructor of the same network by hand; both fill in torch's defaults."""

from __future__ import annotations

import ctypes

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, architecture, figure, in_turn
from benchmarks.peers import resnet152, verified

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt(3)


def keep_memory() -> None:
    """Let glibc keep freed memory: else 240 MB come back as page faults for whichever side follows the wrong one."""
    libc = ctypes.CDLL(None)
    for option in (TRIM_THRESHOLD, MMAP_THRESHOLD):
        libc.mallopt(option, 2**31 - 1)


def measure(quick: bool) -> list[Figure]:
    keep_memory()
    graph = netspec.load(architecture("resnet152"))
    verified(graph, resnet152(), 60_192_808)
    sides = {"netspec": lambda: netspec.to_torch(graph), "hand": resnet152, "hand again": resnet152}
    in_turn(sides, 1)
    times = in_turn(sides, 3 if quick else 30)
    return [
        figure("`to_torch` of resnet152", "its constructor by hand", times, control="hand again", bound=1.05),
    ]


if __name__ == "__main__":
    main("construct", measure)
