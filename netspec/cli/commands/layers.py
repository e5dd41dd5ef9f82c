"""`netspec layers`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.output import show


@command("netspec layers", "netspec layers conv2d")
def layers(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="A layer kind.", show_default=False)] = None,
) -> None:
    """The reference of layer kinds: equation, shapes, parameters, example."""
    from netspec.report.layer_reference import listing, page

    with errors():
        show([listing() if kind is None else page(kind)])
