"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NetFile = Annotated[str, typer.Argument(metavar="FILE", help="A netspec file.", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value: a variable (`--set width=32`) or any key (`--set train.epochs=5`). May be given again.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
DataAt = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        show_default=False,
        help="Where the data of a run is now: the data itself, or the folder that its path is relative to.",
    ),
]
