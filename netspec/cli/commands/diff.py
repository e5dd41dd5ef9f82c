"""`netspec diff`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.console import console
from netspec.cli.errors import errors


class DiffFormat(StrEnum):
    text = "text"
    json = "json"


@command("netspec diff HEAD:net.yaml net.yaml", "netspec diff a.yaml b.yaml --format json")
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A file, or REV:path of the git repository.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="A file, or REV:path.", show_default=False)],
    format: Annotated[DiffFormat, typer.Option(help="How to print it.")] = DiffFormat.text,
) -> None:
    """What changed in the *network*: layers added, removed, renamed, changed, and those that only felt it."""
    from netspec.report import difference
    from netspec.review.diff import diff as compare
    from netspec.review.revision import load_revision

    with errors():
        found = compare(load_revision(before), load_revision(after))
    if format is DiffFormat.json:
        typer.echo(difference.as_json(found))
        return
    out = console()
    colours = {
        "head": "bold",
        "added": "green",
        "removed": "red",
        "renamed": "cyan",
        "changed": "yellow",
        "ripple": "dim",
    }
    for status, line in difference.text(found, before, after):
        out.print(line, style=colours.get(status, ""), markup=False, soft_wrap=True)
