"""`netspec diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.options import format_option
from netspec.cli.output import show
from netspec.report.formats import Formats

FORMATS = Formats("netspec.report.diff", default="text")


@command("netspec diff HEAD:net.yaml net.yaml", "netspec diff a.yaml b.yaml --format json")
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A file, or REV:path of the git repository.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="A file, or REV:path.", show_default=False)],
    format: Annotated[str, format_option(FORMATS, "How to print it.")] = FORMATS.default,
) -> None:
    """What changed in the *network*: layers added, removed, renamed, changed, and those that are affected by it."""
    from netspec.review.diff import diff as compare
    from netspec.review.revision import load_revision

    with errors():
        difference = compare(load_revision(before), load_revision(after))
    show(FORMATS.render(format, difference, before, after))
