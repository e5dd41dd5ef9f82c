"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from netspec.report.formats import Formats

NetFile = Annotated[str, typer.Argument(metavar="FILE", help="A netspec file.", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value: a variable (`--set width=32`) or any key (`--set train.epochs=5`). Repeatable.",
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
Of = Annotated[
    Path | None,
    typer.Option(
        "--of",
        metavar="FILE",
        show_default=False,
        help="The netspec file that the weights of a .safetensors file belong to, where it is not the new network and "
        "the file does not hold it.",
    ),
]
Noise = Annotated[
    float,
    typer.Option(
        min=0.0,
        help="Of a wider network: add normal numbers to repeated units, so many standard deviations of their tensor, "
        "so that they do not learn alike.",
    ),
]


def quiet_option(help: str) -> Any:
    """`--quiet`: problems and the result itself, nothing else."""
    return typer.Option("--quiet", "-q", help=help)


def format_option(formats: Formats, help: str) -> Any:
    """`--format`, whose choices are the files of a report."""
    names = formats.names()

    def known(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}.")
        return name

    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    return typer.Option(
        "--format", metavar="FORMAT", help=f"{help} {listed}.", callback=known, autocompletion=lambda: names
    )
