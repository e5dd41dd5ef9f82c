"""`netspec cells`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.output import show


@command(
    "netspec cells",
    "netspec cells lstm_peephole --hidden 256 --input 64",
    "netspec cells net.yaml:mine",
    "netspec cells sru --param rescale=0",
)
def cells(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A cell of the library, FILE:NAME for one of a file, FILE for all.", show_default=False
        ),
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(min=1, help="The hidden size; 128 when left out.", show_default=False)
    ] = None,
    input: Annotated[int, typer.Option(min=1, help="The size of x[t].")] = 128,
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the cell.")
    ] = None,
) -> None:
    """Recurrent cells: equations, weights, cost, and how they run on a CPU, a GPU and in ONNX, with the reason."""
    from netspec.report.cells.find import find, library, read_params
    from netspec.report.cells.listing import CellTable
    from netspec.report.cells.page import page

    with errors():
        chosen = library() if name is None else find(name)
        if name is None or len(chosen) > 1:
            show([CellTable(chosen)])
        else:
            show([page(chosen[0], hidden, input, read_params(params or ()))])
