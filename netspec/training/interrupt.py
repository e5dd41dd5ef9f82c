"""Signals that end a training: Ctrl-C (SIGINT), a polite kill (SIGTERM), a terminal that is gone (SIGHUP)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """One of the signals, where there is nothing to save first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ending() -> Iterator[None]:
    """Each of the signals raises `Ended`, so that what is open is closed."""

    def handle(number: int, _: FrameType | None) -> None:
        raise Ended(number)

    before = _handled(handle)
    try:
        yield
    finally:
        _put_back(before)


@contextmanager
def on_interrupt(act: Callable[[int], None]) -> Iterator[None]:
    """The first signal calls `act`, between two steps of Python; from the second on they do what they did before."""

    def handle(number: int, _: FrameType | None) -> None:
        _put_back(before)
        act(number)

    before = _handled(handle)
    try:
        yield
    finally:
        _put_back(before)


def _handled(handle: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, Any]:
    """What was there before.  A signal that is ignored stays so: `nohup`, and a shell's background, mean it."""
    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread alone
        return {}
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handle)
    return before


def _put_back(before: dict[signal.Signals, Any]) -> None:
    for number, old in before.items():
        signal.signal(number, old)
