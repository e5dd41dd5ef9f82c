"""One thread: the networks here are small, and several threads wait for each other when the machine has other work."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Gru(nn.Module):
    """torch's own layer with the state between calls in the open: what a carried state is held against."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.rnn = nn.GRU(inputs, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, outputs)
        self.start: Tensor | None = None
        self.keeps = False

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.rnn(x, self.start)
        if self.keeps:
            self.start = state.detach()
        found: Tensor = self.out(self.drop(y))
        return found


class Carried:
    def __init__(self, module: Gru) -> None:
        self.module = module
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1
        self.module.start = None

    def state(self) -> dict[str, Tensor]:
        return {} if self.module.start is None else {"rnn": self.module.start.movedim(1, 0).contiguous()}

    def load(self, state: dict[str, Tensor]) -> None:
        self.module.start = state["rnn"].movedim(0, 1).contiguous() if "rnn" in state else None


@contextmanager
def carrying(module: Gru) -> Iterator[Carried]:
    module.keeps, module.start = True, None
    try:
        yield Carried(module)
    finally:
        module.keeps, module.start = False, None


@pytest.fixture
def gru(monkeypatch: pytest.MonkeyPatch) -> type[Gru]:
    """The layer, while `netspec.cells.run.carry` carries the state of such layers."""
    stand_in: Any = ModuleType("netspec.cells.run.carry")
    stand_in.carrying = carrying
    monkeypatch.setitem(sys.modules, "netspec.cells.run.carry", stand_in)
    return Gru
