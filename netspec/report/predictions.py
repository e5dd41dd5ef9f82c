"""What a network predicts, as a table; text that it wrote on, as it is."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netspec.report.class_names import visible
from netspec.report.numbers import figure
from netspec.training.generate import Generated
from netspec.training.predict import Predictions

MOST_ROWS = 50


def show_predictions(console: Console, predictions: Predictions | Generated) -> None:
    """One row a sample, of many the first alone; or the prompt and what follows it."""
    if isinstance(predictions, Generated):
        console.print(predictions.prompt, style="bold", markup=False, highlight=False, end="", soft_wrap=True)
        console.print(predictions.text, markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("sample")
    outputs = list(predictions.rows[0])
    for name in outputs:
        for key in _columns(predictions.rows[0][name]):
            title = key if len(outputs) == 1 else f"{name} {key}"
            table.add_column(escape(title), justify="left" if key == "class" else "right")
    for label, row in list(zip(predictions.labels, predictions.rows, strict=True))[:MOST_ROWS]:
        cells = [_cell(row[name][key]) for name in outputs for key in _columns(row[name])]
        table.add_row(escape(label), *map(escape, cells))
    console.print(table)
    rest = len(predictions.rows) - MOST_ROWS
    if rest > 0:
        console.print(f"and {rest:,} more", highlight=False)


def _columns(entry: Mapping[str, object]) -> list[str]:
    return [key for key in entry if key != "probabilities"]


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value[:8])) + (", …" if len(value) > 8 else "")
    if value is None:
        return "–"  # no class: the network gives NaN
    return figure(value) if isinstance(value, float) else visible(str(value))
