"""`netspec summary`."""

from __future__ import annotations

from typing import Annotated

from netspec.cli.application import command
from netspec.cli.errors import complain, errors
from netspec.cli.load import compiled
from netspec.cli.options import NetFile, Sets, format_option
from netspec.cli.output import show
from netspec.report.formats import Formats

FORMATS = Formats("netspec.report.summary", default="table")


@command("netspec summary net.yaml", "netspec summary net.yaml --set width=32 --format markdown")
def summary(
    file: NetFile,
    format: Annotated[str, format_option(FORMATS, "How to print it.")] = FORMATS.default,
    sets: Sets = None,
) -> None:
    """Layers with output shapes, parameters, FLOPs, activation memory and receptive field."""
    with errors():
        graph = compiled(file, sets, hold_budget=False)
    complain(graph.warnings, level="warning")
    show(FORMATS.render(format, graph))
