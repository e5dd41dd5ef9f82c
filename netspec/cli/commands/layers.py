"""`netspec layers`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.console import console
from netspec.cli.errors import errors


@command("netspec layers", "netspec layers conv2d")
def layers(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="A layer kind.", show_default=False)] = None,
) -> None:
    """The reference of layer kinds: equation, shapes, parameters, example."""
    from netspec.report import reference

    if kind is not None:
        with errors():
            typer.echo(reference.page(kind))
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("kind", "parameters", "what it computes"):
        grid.add_column(column, overflow="fold")
    for row in reference.listing():
        grid.add_row(*map(Text, row))
    console().print(grid)
