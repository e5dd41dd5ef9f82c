"""How good a network is, as tables: loss and metrics, the confusion matrix, each class."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netspec.report.class_names import visible
from netspec.report.numbers import figure
from netspec.training.evaluate import ClassReport, Evaluation

MOST_COLUMNS = 16  # classes in a confusion matrix that still fits a terminal
MOST_ROWS = 20


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Loss and metrics; for classes the confusion matrix and each class, for numbers the errors."""
    count, unit = evaluation.extent
    known = {key for report in evaluation.outputs.values() for key in report.to_dict()}  # stands below
    more = [
        f" · {name} {figure(value)}"
        for name, value in evaluation.metrics.items()
        if name.rpartition(".")[2] not in known
    ]
    console.print(
        f"[bold]{escape(evaluation.name)}[/bold] · test part, {count:,} {unit} · "
        f"loss {figure(evaluation.loss)}{''.join(more)}",
        highlight=False,
    )
    for name, report in evaluation.outputs.items():
        if isinstance(report, ClassReport):
            console.print(f"{name}: accuracy {figure(report.accuracy)} · f1 {figure(report.f1)}", highlight=False)
            _show_classes(console, report)
        else:
            text = " · ".join(f"{key} {figure(value)}" for key, value in report.to_dict().items())
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
