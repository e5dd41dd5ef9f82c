"""What a training reports while it runs.  `report/training.py` shows it; without a listener a training is silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from netspec.training.runs import Run

REFRESH = 0.25  # seconds between two reports of a step

Extent: TypeAlias = tuple[int, str]  # how much a part holds, and of what: samples or characters


@dataclass(frozen=True)
class Began:
    """Before the first step.

    `differences`: what keeps a resumed run from the weights, bit by bit, of one that never stopped; `resumed_after`:
    the epoch that it goes on after; `nothing_to_resume`: it should go on, and had not begun.
    """

    name: str
    folder: Path
    weights: int  # numbers that are trained
    extents: Mapping[str, Extent]
    device: str
    epochs: int
    steps: int  # of an epoch
    left_out: int  # samples of an epoch
    differences: Sequence[str] = ()
    resumed_after: int | None = None
    nothing_to_resume: bool = False


@dataclass(frozen=True)
class Stepped:
    """Every `REFRESH` seconds: finished epochs, batches of the next one, and the running loss."""

    epoch: int
    batch: int
    running: float | None


@dataclass(frozen=True)
class Validated:
    """After an epoch: loss and metrics of the validation part."""

    figures: Mapping[str, float]


@dataclass(frozen=True)
class StepsEnded:
    """No step follows: all are done, or a signal came."""


@dataclass(frozen=True)
class Finished:
    """Everything is written."""

    run: Run


Event: TypeAlias = Began | Stepped | Validated | StepsEnded | Finished
Listener: TypeAlias = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listens to nothing."""
