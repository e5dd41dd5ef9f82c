"""A training on a console: a live line on a terminal, a plain line now and then elsewhere, a table at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table

from netspec.report.numbers import duration, figure
from netspec.training.events import Began, Event, Finished, Stepped, StepsEnded, Validated
from netspec.training.runs import Run

BAR = 16  # characters
PLAIN = 5.0  # seconds between two plain lines


class TrainingDisplay:
    """Listens to a training and shows it; the live line is gone when the display is left, however it is left.

    `file`, `options`: how the command to go on with calls the netspec file, and what else it has.
    """

    def __init__(self, console: Console, file: str, options: Sequence[str]) -> None:
        self.console = console
        self.file = file
        self.options = options
        self.line: StepLine | None = None

    def __enter__(self) -> TrainingDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        if self.line is not None:
            self.line.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self.began = event
            show_beginning(self.console, event)
            self.line = StepLine(self.console, event)
        elif isinstance(event, Finished):
            if event.run.status == "interrupted":
                show_interrupted(self.console, event.run, self.began.epochs, self.file, self.options)
            else:
                show_results(self.console, event.run, self.began)
        elif self.line is not None:
            if isinstance(event, Stepped):
                self.line.show(event)
            elif isinstance(event, Validated):
                self.line.measure(event)
            elif isinstance(event, StepsEnded):
                self.line.stop()


class StepLine:
    """How far the training is, its figures, and how fast it goes."""

    def __init__(self, console: Console, began: Began) -> None:
        self.console = console
        self.began = began
        self.bar: Progress | None = None
        self.latest = ""
        self._printed = time.perf_counter()
        self._start: tuple[float, int] | None = None
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("epoch {task.fields[epoch]}", table_column=Column(no_wrap=True)),
                BarColumn(bar_width=BAR),
                TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=console,
                auto_refresh=False,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task("train", total=began.epochs * began.steps, epoch="", text="")

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()

    def measure(self, event: Validated) -> None:
        """The latest figures of the validation part, shown from the next step on."""
        figures = {("validation" if name == "loss" else name): value for name, value in event.figures.items()}
        self.latest = " · ".join(f"{name} {value:.4g}" for name, value in figures.items())

    def show(self, event: Stepped) -> None:
        now = time.perf_counter()
        done = event.epoch * self.began.steps + event.batch
        if self._start is None:
            self._start = (now, done)
        epoch = f"{min(event.epoch + 1, self.began.epochs)}/{self.began.epochs}"
        loss = "" if event.running is None else f"loss {event.running:.4g}"
        rate, left = self._speed(now, done)
        parts = [part for part in (loss, self.latest, left, rate) if part]
        if self.bar is not None:  # the least needed goes first where the terminal is narrow
            room = self.console.width - BAR - len(f"epoch {epoch}") - 2
            while len(parts) > 1 and len(" · ".join(parts)) > room:
                parts.pop()
        text = " · ".join(parts)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, epoch=epoch, text=text)
            self.bar.refresh()
        elif now - self._printed >= PLAIN:
            self._printed = now
            self.console.print(f"epoch {epoch} · {text}", highlight=False, soft_wrap=True)

    def _speed(self, now: float, done: int) -> tuple[str, str]:
        """Samples a second, and the time that is left; empty before the second call."""
        assert self._start is not None
        since, first = self._start
        if done <= first or now <= since:
            return "", ""
        speed = (done - first) / (now - since)
        left = (self.began.epochs * self.began.steps - done) / speed
        count, unit = self.began.extents["train"]
        return f"{speed * count / self.began.steps:,.0f} {unit}/s", f"{duration(left)} left"


def show_beginning(console: Console, began: Began) -> None:
    """What is trained, on how much, and what is not as expected."""
    if began.differences:
        text = "; ".join(began.differences)
        console.print(
            f"note: {text}: the weights will not be, bit by bit, those of a run left alone",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    samples = ", ".join(f"{count:,} {name}" for name, (count, _) in began.extents.items())
    samples += " characters" if began.extents["train"][1] == "characters" else ""
    begin_at = "" if began.resumed_after is None else f" · going on after epoch {began.resumed_after}"
    text = f"{began.weights:,} weights · {samples} · {began.device}{begin_at}"
    console.print(f"[bold]{escape(began.name)}[/bold] · {text}", highlight=False)
    if began.left_out:
        text = "sample, another each time: batch norm has no variance in a last batch of one"
        console.print(f"note: each epoch leaves out {began.left_out} {text}", highlight=False, soft_wrap=True)
    if began.nothing_to_resume:
        console.print(f"nothing to resume in {escape(str(began.folder))}: a new run begins", highlight=False)


def show_results(console: Console, run: Run, began: Began) -> None:
    """What a training came to: one row a part."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part")
    names = list(next(iter(run.results.values()), {}))
    for name in (began.extents["train"][1], *names):
        table.add_column(name, justify="right")
    for part, values in run.results.items():
        table.add_row(part, f"{began.extents[part][0]:,}", *[figure(values[name]) for name in names])
    console.print(table)
    console.print(
        f"best of {run.epochs} epochs: {run.best_epoch} · {duration(run.seconds)} · {run.reason}", highlight=False
    )
    console.print(f"[bold]{escape(str(run.path))}[/bold]", highlight=False, soft_wrap=True)


def show_interrupted(console: Console, run: Run, epochs: int, file: str, options: Sequence[str]) -> None:
    """How to go on after Ctrl-C, as a shell takes it."""
    done = f"stopped after {run.epochs} of {epochs} epochs" if run.epochs else "stopped in the first epoch"
    console.print(f"{done}, everything is saved; go on with", highlight=False)
    command = shlex.join(["netspec", "train", file, *options, "--run", str(run.path), "--resume"])
    console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
