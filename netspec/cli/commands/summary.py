"""`netspec summary`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.console import console
from netspec.cli.errors import complain, errors
from netspec.cli.load import compiled
from netspec.cli.options import NetFile, Sets


class SummaryFormat(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


@command("netspec summary net.yaml", "netspec summary net.yaml --set width=32 --format markdown")
def summary(
    file: NetFile,
    format: Annotated[SummaryFormat, typer.Option(help="How to print it.")] = SummaryFormat.table,
    sets: Sets = None,
) -> None:
    """Layers with output shapes, parameters, FLOPs, activation memory and receptive field."""
    from netspec.report import summary as report

    with errors():
        graph = compiled(file, sets, hold_budget=False)
    complain(graph.warnings, warning=True)
    if format is SummaryFormat.json:
        typer.echo(report.as_json(graph))
    elif format is SummaryFormat.markdown:
        typer.echo(report.markdown(graph))
    else:
        out = console()
        out.print(report.table(graph, out.width))
