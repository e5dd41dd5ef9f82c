"""`netspec schema`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from netspec.cli.application import command


class Described(StrEnum):
    """What has a schema."""

    FILE = "file"
    DIFF = "diff"


def _described(name: str) -> str:
    if name not in tuple(Described):
        raise typer.BadParameter(f"`{name}` is not one of {', '.join(Described)}.", param_hint="file|diff")
    return name


@command("netspec schema > netspec.schema.json", "netspec schema diff > diff.schema.json")
def schema(
    of: Annotated[
        str,
        typer.Argument(
            metavar="file|diff", callback=_described, help="A netspec file, or what `diff --format json` prints."
        ),
    ] = Described.FILE.value,
) -> None:
    """Print the JSON schema (draft-07) that editors complete and check with, or that of a difference."""
    from netspec.report.schema import schema_text
    from netspec.report.schema.difference import difference_schema

    if of == Described.FILE:
        typer.echo(schema_text(), nl=False)
    else:
        typer.echo(json.dumps(difference_schema(), indent=1, ensure_ascii=False))
