"""`netspec diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.dashes import PathsBehindDashes, paths_behind_dashes
from netspec.cli.options import format_option
from netspec.cli.output import show
from netspec.report.formats import Formats

FORMATS = Formats("netspec.report.diff", default="text")


@command(
    "netspec diff HEAD:net.yaml net.yaml",
    "netspec diff a.yaml b.yaml --format json",
    cls=PathsBehindDashes,
)
def diff(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="A B", help="Two files, or REV:path of the git repository.", show_default=False),
    ] = None,
    format: Annotated[str, format_option(FORMATS, "How to print it.")] = FORMATS.default,
    every: Annotated[bool, typer.Option("--all", help="Every layer, also those that are merely affected.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 3 where networks differ.")] = False,
) -> None:
    """What changed in the *network*: layers added, removed, renamed, changed, and those that are affected by it.

    Exit status 1 when a file is wrong, 3 when networks differ and `--exit-code` asks for it.
    """
    from netspec.cli.errors import errors
    from netspec.cli.operands import Sides, read_operands
    from netspec.review.compared import Compared
    from netspec.review.diff import compare
    from netspec.review.side import read_sides
    from netspec.source.errors import NetspecError

    with errors():
        operands = read_operands(names or (), paths_behind_dashes(context))
        if not isinstance(operands, Sides):
            raise typer.BadParameter("expected two networks: `netspec diff A:net.yaml net.yaml`.")
        before, after = operands.before, operands.after
        try:
            networks = [Compared(after, before, after, compare(*read_sides(before, after)))]
        except NetspecError as error:
            networks = [Compared(after, before, after, None, error.problems)]
        show(FORMATS.render(format, networks, every))
    if any(network.problems for network in networks):
        raise typer.Exit(1)
    if exit_code and any(network.difference for network in networks):
        raise typer.Exit(3)
