"""Every cell of the library, a training step, against the eager Python loop over the same equations.

The loop is the one of `cell_peers`: written from the equations, held against netspec's layer before it is timed.
"""

from __future__ import annotations

import gc

import torch

from benchmarks.cell_peers import layer, training, verified
from benchmarks.command import main
from benchmarks.measure import Figure, figure, in_turn
from netspec.cells.language.library import library_names

T, B, H = 100, 32, 256
ROUNDS = 8  # the ratios are far from 1: few are enough


def measure(quick: bool) -> list[Figure]:
    x = torch.randn(B, T, H, generator=torch.Generator().manual_seed(0))
    found = []
    for cell in library_names():
        ours = layer(cell, H)
        hand = verified(ours, x[:4, :20])
        sides = {"netspec": training(ours, x), "hand": training(hand, x)}
        in_turn(sides, 1)
        gc.freeze()
        times = in_turn(sides, 1 if quick else ROUNDS)
        gc.unfreeze()
        what = f"training step, {cell}, T={T} B={B} H={H}"
        found.append(figure(what, "an eager loop over its equations", times, bound=0.45))
    return found


if __name__ == "__main__":
    main("cells_loop", measure)
