"""Training steps and inference, eager: netspec's module against the same network written by hand.

Both sides run the same loop (`peers.step`) with the same weights, batch and optimiser; only the module differs.  Where
the allocator puts the weights is worth a per cent or two, so the modules are built anew several times, and a second
copy of the one by hand runs along as control.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, Side, architecture, figure, in_turn
from benchmarks.peers import DigitsCnn, resnet18, same_weights, step, verified


@dataclass(frozen=True)
class Case:
    """One network at one batch size: how many calls a timed block holds, and how many rounds of blocks."""

    name: str
    hand: Callable[[], nn.Module]
    params: int
    batch: int
    training: bool
    inner: int
    rounds: int


CASES = (
    Case("digits_cnn", DigitsCnn, 67_754, 64, True, 10, 400),
    Case("digits_cnn", DigitsCnn, 67_754, 1, False, 200, 400),
    Case("digits_cnn", DigitsCnn, 67_754, 64, False, 40, 400),
    Case("resnet18", resnet18, 11_689_512, 4, True, 1, 120),
    Case("resnet18", resnet18, 11_689_512, 1, False, 4, 200),
    Case("resnet18", resnet18, 11_689_512, 8, False, 1, 120),
)
BUILDS = 4  # times that the modules are built anew


def training(model: nn.Module, x: Tensor, y: Tensor) -> Side:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    model.train()
    return lambda: step(model, optimizer, x, y)


def inference(model: nn.Module, x: Tensor) -> Side:
    model.eval()

    def run() -> None:
        with torch.inference_mode():
            model(x)

    return run


def case_times(case: Case, quick: bool) -> dict[str, list[float]]:
    graph = netspec.load(architecture(case.name))
    [shape] = [type_.shape[1:] for type_ in graph.inputs.values()]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(case.batch, *shape, generator=generator)
    y = torch.randint(0, 10, (case.batch,), generator=generator)
    found: dict[str, list[float]] = defaultdict(list)
    builds = 1 if quick else BUILDS
    for _ in range(builds):
        ours, hand = verified(graph, case.hand(), case.params)
        again = case.hand()
        same_weights(ours, again)
        models = {"netspec": ours, "hand": hand, "hand again": again}
        sides = {k: training(m, x, y) if case.training else inference(m, x) for k, m in models.items()}
        in_turn(sides, 2, inner=case.inner)
        gc.freeze()  # the collection before each block then walks what is new, not all of torch
        for name, times in in_turn(sides, 6 if quick else case.rounds // builds, inner=case.inner).items():
            found[name] += times
        gc.unfreeze()
    return found


def measure(quick: bool) -> list[Figure]:
    found = []
    for case in CASES:
        what = f"{'training step' if case.training else 'inference'}, {case.name}, batch {case.batch}"
        times = case_times(case, quick)
        found.append(figure(what, "the same by hand", times, control="hand again", bound=1.02))
    return found


if __name__ == "__main__":
    main("steps", measure)
