"""`netspec train` on digits_mlp with everything on, against the plainest loop over the same batches.

Ours: progress on a terminal (its text goes nowhere), the running loss, validation and metrics every epoch, the best
weights kept, metrics.jsonl, checkpoints.  Counted is the whole training, from before the first step to after the last
checkpoint; reading the data, the final scores and the picture of the curves are not.  By hand: zero_grad, forward,
loss, backward, step; nothing else.  Both begin with the same weights and take the same batches, and end with the same
weights, bit by bit, which is asserted.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, architecture, figure, in_turn
from benchmarks.peers import DigitsMlp, same_weights, train
from netspec.spec import Spec
from netspec.training.batches import Batches
from netspec.training.loop import Trainer
from netspec.training.run_data import dataset_of
from netspec.training.runs import LAST
from netspec.training.weights import read_tensors

EPOCHS = 200


class Clock:
    """The seconds of `Trainer.run`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Clock:
        self._run = plain = Trainer.run

        def run(trainer: Trainer, *args: Any) -> None:
            start = time.perf_counter()
            plain(trainer, *args)
            self.seconds = time.perf_counter() - start

        Trainer.run = run
        return self

    def __exit__(self, *_: object) -> None:
        Trainer.run = self._run


def batches_of(graph: Spec) -> tuple[Batches, int]:
    """The training part, and the seed of its orders."""
    data, config = graph.learning()
    parts = dataset_of(graph, data, config).parts
    return Batches.of(parts["train"], config.batch_size, torch.device("cpu")), config.seed


def orders_of(batches: Batches, seed: int, epochs: int) -> list[Tensor]:
    """The order in which netspec takes the samples in each epoch: their numbers, drawn as if they were the input."""
    numbers = Batches([torch.arange(batches.count)], batches.targets, batches.count, batches.size, batches.device)
    return [torch.cat([x for [x], _ in numbers.shuffled(seed, epoch)]) for epoch in range(epochs)]


def measure(quick: bool) -> list[Figure]:
    epochs, rounds = (20, 4) if quick else (EPOCHS, 24)
    graph = netspec.load(architecture("digits_mlp"), sets=[f"train.epochs={epochs}"])
    batches, seed = batches_of(graph)
    orders = orders_of(batches, seed, epochs)
    [x], [y] = batches.inputs, batches.targets.values()
    steps = batches.steps * epochs
    ends: dict[str, list[Tensor]] = {}

    def ours() -> float:
        with Clock() as clock, tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
            run = Path(folder) / "run"
            netspec.train(graph, run=run, device="cpu", console=Console(force_terminal=True, file=nowhere, width=100))
            ends["netspec"] = [weights for _, weights in sorted(read_tensors(run / LAST)[0].items())]
        return clock.seconds / steps

    def by_hand(name: str, **options: Any) -> Callable[[], float]:
        def run() -> float:
            model = DigitsMlp()
            same_weights(netspec.to_torch(graph, seed=seed), model)
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
            start = time.perf_counter()
            train(model, optimizer, x, y, orders, batches.size)
            seconds = time.perf_counter() - start
            ends[name] = [weights for _, weights in sorted(model.state_dict().items())]
            return seconds / steps

        return run

    sides = {
        "netspec": ours,
        "hand": by_hand("hand", fused=True),
        "hand again": by_hand("hand again", fused=True),
        "hand, defaults": by_hand("hand, defaults"),
    }
    in_turn(sides, 1)
    assert all(map(torch.equal, ends["netspec"], ends["hand"])), "the two trainings end with different weights"
    times = in_turn(sides, rounds, clock=lambda side, _: side())
    what = "`netspec train` per step, digits_mlp"
    more = {"epochs": epochs, "steps": steps}
    return [
        figure(
            what,
            "the plainest loop, the same fused Adam",
            times,
            control="hand again",
            bound=1.15,
            unit="µs",
            more=more,
        ),
        figure(what, "the plainest loop, Adam as it comes", times, theirs="hand, defaults", unit="µs", bound=None),
    ]


if __name__ == "__main__":
    main("training", measure)
