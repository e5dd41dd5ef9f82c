"""`netspec validate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.load import compiled
from netspec.cli.options import Sets, format_option, quiet_option
from netspec.cli.output import show
from netspec.report.formats import Formats
from netspec.report.problems import Checked
from netspec.source.errors import NetspecError

FORMATS = Formats("netspec.report.problems", default="text")


@command("netspec validate net.yaml", "netspec validate architectures --format github")
def validate(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="netspec files, and folders with such files.", show_default=False),
    ],
    format: Annotated[str, format_option(FORMATS, "For a person, a program, or a code review.")] = FORMATS.default,
    sets: Sets = None,
    quiet: Annotated[bool, quiet_option("Print problems alone.")] = False,
) -> None:
    """Check files: syntax, names, shapes, budget, learning. Answers without importing torch.

    Exit status 1 when a file is wrong.
    """
    from netspec.cli.network_files import network_files

    checked: list[Checked] = []

    def each() -> Iterator[Checked]:
        for path in network_files(files):
            checked.append(_checked(path, sets))
            yield checked[-1]

    show(FORMATS.render(format, each()), quiet=quiet)
    raise typer.Exit(int(any(file.errors for file in checked)))


def _checked(path: Path, sets: list[str] | None) -> Checked:
    """A network, or a file of blocks for others, which is none by itself."""
    from netspec.cli.network_files import check_fragment, is_fragment

    file = str(path)
    try:
        return Checked(file, graph=compiled(file, sets))
    except NetspecError as error:
        problems = error.problems
    try:
        if not is_fragment(path):
            return Checked(file, errors=problems)
        check_fragment(path)
        return Checked(file)
    except NetspecError as error:
        return Checked(file, errors=error.problems)
