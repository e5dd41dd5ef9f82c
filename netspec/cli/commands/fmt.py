"""`netspec fmt`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import complain, errors
from netspec.cli.options import quiet_option
from netspec.cli.output import show, shows_colour
from netspec.source.errors import NetspecError

WOULD_CHANGE = 3  # the exit status, as `diff` has it
STDIN = "-"


@command("netspec fmt net.yaml", "netspec fmt --check .", "netspec fmt --diff architectures")
def fmt(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="netspec files, folders with such files, or `-` (standard input).", show_default=False
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 3 when a file would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; show what would change, with exit status 3 when it does.")
    ] = False,
    quiet: Annotated[bool, quiet_option("Print problems, and what was asked for, alone.")] = False,
) -> None:
    """Bring files into the one form that `docs/language.md` describes. Comments stay, and so does the network.

    Exit status 1 when a file cannot be read or written, the others are formatted all the same.
    """
    from netspec.cli.network_files import network_files

    failed = changed = count = 0
    with errors():
        for path in network_files(files):
            count += 1
            try:
                changed += _format(path, check=check, diff=diff, quiet=quiet)
            except NetspecError as error:
                failed += 1
                complain(error.problems)
    if not quiet and STDIN not in files:
        verb = "would change" if check or diff else "changed"
        unread = "not read" if check or diff else "not read or written"
        files_word = "file" if count == 1 else "files"
        show([f"{count:,} {files_word}, {changed:,} {verb}" + (f", {failed:,} {unread}" if failed else "")])
    raise typer.Exit(1 if failed else WOULD_CHANGE if changed and (check or diff) else 0)


def _format(path: Path, *, check: bool, diff: bool, quiet: bool) -> bool:
    """Format one file, or say what that would change; gives whether it does."""
    from netspec.cli.network_files import of_run, replace_text
    from netspec.frontend.fmt.canonical import formatted
    from netspec.report.text_diff import text_diff
    from netspec.source.tree import MAX_BYTES, read_text, text_of

    if of_run(path):
        hint = "it says what was trained: format the file that the run was made from"
        raise NetspecError("NS107", "is the spec of a run, and stays as it is", name=str(path), hint=hint)
    from_stdin = str(path) == STDIN
    source = text_of(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>") if from_stdin else read_text(path)
    text = formatted(source)
    changes = text != source.text
    if diff and changes:
        name = "stdin" if from_stdin else path.as_posix()
        show([text_diff(source.text, text, name, colour=shows_colour(sys.stdout, os.environ))])
    elif from_stdin and not check:
        typer.echo(text, nl=False)
    elif changes and not check:
        replace_text(path, text)
    if changes and not (from_stdin or diff or quiet):
        show([f"{path}: {'would change' if check else 'formatted'}"])
    return changes
