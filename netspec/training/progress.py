"""What a training shows while it runs: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from netspec.training.state import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

REFRESH = 0.25  # seconds between two drawings
BAR = 16  # characters
PLAIN = 5.0  # seconds between two plain lines


class Display:
    """Shows nothing at all without a console.  `steps` an epoch; `extent`: how much it holds, and of what."""

    def __init__(self, console: Console | None, epochs: int, steps: int, extent: tuple[int, str]) -> None:
        self.console = console
        self.epochs = epochs
        self.steps = steps
        self.extent = extent
        self.bar: Bar | None = None
        self.latest = ""
        self._printed = time.perf_counter()
        self._start: tuple[float, int] | None = None

    def __enter__(self) -> Display:
        if self.console is not None and self.console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            self.bar = Progress(
                TextColumn("epoch {task.fields[epoch]}", table_column=Column(no_wrap=True)),
                BarColumn(bar_width=BAR),
                TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=self.console,
                auto_refresh=False,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task("train", total=self.epochs * self.steps, epoch="", text="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def epoch(self, values: Mapping[str, float]) -> None:
        """The latest figures of the validation part."""
        self.latest = " · ".join(f"{name} {value:.4g}" for name, value in values.items())

    def show(self, progress: Progress) -> None:
        """Called every `REFRESH` seconds."""
        if self.console is None:
            return
        now = time.perf_counter()
        if self._start is None:
            self._start = (now, self._done(progress))
        epoch = f"{min(progress.epoch + 1, self.epochs)}/{self.epochs}"
        loss = "" if progress.running is None else f"loss {progress.running:.4g}"
        rate, left = self._speed(now, progress)
        parts = [part for part in (loss, self.latest, left, rate) if part]
        if self.bar is not None:  # the least needed goes first where the terminal is narrow
            room = self.console.width - BAR - len(f"epoch {epoch}") - 2
            while len(parts) > 1 and len(" · ".join(parts)) > room:
                parts.pop()
        text = " · ".join(parts)
        if self.bar is not None:
            self.bar.update(self.task, completed=self._done(progress), epoch=epoch, text=text)
            self.bar.refresh()
        elif now - self._printed >= PLAIN:
            self._printed = now
            self.console.print(f"epoch {epoch} · {text}", highlight=False, soft_wrap=True)

    def _done(self, progress: Progress) -> int:
        return progress.epoch * self.steps + progress.batch

    def _speed(self, now: float, progress: Progress) -> tuple[str, str]:
        assert self._start is not None
        since, first = self._start
        done = self._done(progress)
        if done <= first or now <= since:
            return "", ""
        speed = (done - first) / (now - since)
        left = (self.epochs * self.steps - done) / speed
        count, unit = self.extent
        return f"{speed * count / self.steps:,.0f} {unit}/s", f"{duration(left)} left"


def duration(seconds: float) -> str:
    """`0.8 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_ = divmod(minutes, 60)
    return f"{hours} h {minutes_:02d} min" if hours else f"{minutes} min {rest:02d} s"
