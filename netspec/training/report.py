"""The tables at the end of a training and of an evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from netspec.source.text import printable
from netspec.training.progress import duration
from netspec.training.runs import Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from netspec.training.evaluate import ClassReport, Evaluation
    from netspec.training.predict import Predictions

MOST_COLUMNS = 16  # classes in a confusion matrix that still fits a terminal
MOST_ROWS = 20
MOST_PREDICTIONS = 50


def number(value: float) -> str:
    """Four significant digits: `0.9778`, `2871`, `1.3e-05`."""
    return f"{value:,.0f}" if 1e9 > abs(value) >= 1e3 else f"{value:.4g}"


def visible(name: str) -> str:
    """A class in one line of a table: `⏎` for a newline, `␣` for a space alone, `–` for a set without symbols."""
    if name.isspace() or not name:
        return "–" if not name else "".join({"\n": "⏎", "\t": "⇥"}.get(c, "␣") for c in name)
    return printable(name.replace("\n", "⏎").replace("\t", "⇥"))


def show_results(console: Console, run: Run, extents: Mapping[str, tuple[int, str]]) -> None:
    """What a training came to: one row a part; `extents`: how much each holds, and of what."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part")
    names = list(next(iter(run.results.values()), {}))
    for name in (extents["train"][1], *names):
        table.add_column(name, justify="right")
    for part, values in run.results.items():
        table.add_row(part, f"{extents[part][0]:,}", *[number(values[name]) for name in names])
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


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Loss and metrics; for classes the confusion matrix and each class, for numbers the errors."""
    from netspec.training.evaluate import ClassReport

    count, unit = evaluation.extent
    known = {key for report in evaluation.outputs.values() for key in report.to_dict()}  # stands below
    more = [f" · {name} {number(value)}" for name, value in evaluation.metrics.items()
            if name.rpartition(".")[2] not in known]  # fmt: skip
    console.print(f"[bold]{escape(evaluation.name)}[/bold] · test part, {count:,} {unit} · "
                  f"loss {number(evaluation.loss)}{''.join(more)}", highlight=False)  # fmt: skip
    for name, report in evaluation.outputs.items():
        if isinstance(report, ClassReport):
            console.print(f"{name}: accuracy {number(report.accuracy)} · f1 {number(report.f1)}", highlight=False)
            _show_classes(console, report)
        else:
            text = " · ".join(f"{key} {number(value)}" for key, value in report.to_dict().items())
            console.print(f"{name}: {text}", highlight=False)


def _show_classes(console: Console, report: ClassReport) -> None:
    """One row a class, and in it what its samples were taken for; of many classes the worst alone."""
    order = list(range(len(report.names)))
    if len(order) > MOST_COLUMNS or report.confusion is None:
        there = [i for i in order if report.support[i]]
        order = sorted(there, key=lambda i: (report.class_f1[i], i))[:MOST_ROWS]
        rest = len(report.names) - len(there)
        none = f" with samples, {rest} without" if rest else ""
        console.print(f"the {len(order)} worst of {len(there)} classes{none}", highlight=False)
        console.print(_class_table(report, order, matrix=False, figures=True))
        return
    together = _class_table(report, order, matrix=True, figures=True)
    if console.measure(together, options=console.options.update(width=1000)).maximum <= console.width:
        console.print(together)
    else:
        console.print(_class_table(report, order, matrix=True, figures=False))
        console.print(_class_table(report, order, matrix=False, figures=True))


def _class_table(report: ClassReport, order: list[int], matrix: bool, figures: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("true | taken for" if matrix and not figures else "true")
    for name in report.names if matrix else ():
        table.add_column(escape(visible(name)), justify="right")
    for name in ("samples", "precision", "recall", "f1") if figures else ():
        table.add_column(name, justify="right", style="dim" if name == "samples" else "", no_wrap=True)
    for i in order:
        cells = [escape(visible(report.names[i]))]
        if matrix and report.confusion is not None:
            for j, count in enumerate(report.confusion[i]):
                style = "bold" if i == j else "red" if count else "dim"
                cells.append(f"[{style}]{count or '·'}[/]")
        if figures:
            values = (report.precision, report.recall, report.class_f1)
            cells += [str(report.support[i]), *[f"{value[i]:.3f}" for value in values]]
        table.add_row(*cells)
    return table


def show_predictions(console: Console, predictions: Predictions) -> None:
    """One row a sample; of many the first alone."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("sample")
    outputs = list(predictions.rows[0])
    for name in outputs:
        for key in _shown(predictions.rows[0][name]):
            title = key if len(outputs) == 1 else f"{name} {key}"
            table.add_column(escape(title), justify="left" if key == "class" else "right")
    for label, row in list(zip(predictions.labels, predictions.rows, strict=True))[:MOST_PREDICTIONS]:
        cells = [_cell(row[name][key]) for name in outputs for key in _shown(row[name])]
        table.add_row(escape(label), *map(escape, cells))
    console.print(table)
    rest = len(predictions.rows) - MOST_PREDICTIONS
    if rest > 0:
        console.print(f"and {rest:,} more", highlight=False)


def _shown(entry: Mapping[str, object]) -> list[str]:
    return [key for key in entry if key != "probabilities"]


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value[:8])) + (", …" if len(value) > 8 else "")
    if value is None:
        return "–"  # no class: the network gives NaN
    return number(value) if isinstance(value, float) else visible(str(value))
