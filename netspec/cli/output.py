"""What commands print: results to standard output, problems and notes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Literal, TextIO

import typer

from netspec.report.formats import Remark, Stderr
from netspec.report.styled import Lines

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200  # columns of what nobody looks at in a window


def show(parts: Iterable[Any], *, quiet: bool = False) -> None:
    """Print the parts of a report as they come: text, lines of a width, rich's renderables, and what is for stderr."""
    out = None
    for part in parts:
        if isinstance(part, Stderr):
            _to_stderr(part.text)
        elif isinstance(part, Remark):
            if not quiet:
                typer.echo(part.text)
        elif isinstance(part, str):
            typer.echo(part)
        elif isinstance(part, Lines):
            colour, terminal = shows_colour(sys.stdout, os.environ), is_terminal(sys.stdout)
            width = get_terminal_size().columns if terminal else WIDE
            typer.echo(part.text(width, colour=colour, wrap=terminal), color=colour)
        else:
            from rich.text import Text

            out = out or console()
            out.print(part, soft_wrap=isinstance(part, Text))  # lines are whole, tables fit


def as_text(parts: Iterable[str | Lines | Stderr | Remark], *, colour: bool = False) -> str:
    """The same for a file, or for a program that shows it: also what is for standard error."""
    out = []
    for part in parts:
        if isinstance(part, Lines):
            out.append(part.text(WIDE, colour=colour, wrap=False))
        else:
            out.append(part if isinstance(part, str) else part.text)
    return "".join(f"{text}\n" for text in out)


def notes(texts: Iterable[str]) -> list[Stderr]:
    """What whoever reads a result has to know."""
    return [Stderr(f"note: {text}") for text in texts]


def written(path: Path, about: str = "", *, quiet: bool = False) -> str:
    """The line about a file that a command has written: its size, and what there is to say; its path alone if quiet."""
    from netspec.report.numbers import byte_size

    return str(path) if quiet else f"{path}: {', '.join(filter(None, (byte_size(path.stat().st_size), about)))}"


def _to_stderr(text: str) -> None:
    colour = shows_colour(sys.stderr, os.environ)
    if colour:
        from netspec.report.problems.text import coloured

        text = coloured(text)
    typer.echo(text, err=True, color=colour)


def console() -> Console:
    """Standard output; a table that goes to a file or a pipe is as wide as it needs to be.

    Without colour it has no bold either, whose escapes rich's own `no_color` leaves in a pipe.
    """
    from rich.console import Console

    colours: Literal["auto"] | None = "auto" if shows_colour(sys.stdout, os.environ) else None
    if is_terminal(sys.stdout):
        return Console(highlight=False, color_system=colours)
    from netspec.report.trim import Trim

    piped = Console(highlight=False, color_system=colours, width=WIDE, force_interactive=False)
    piped.push_render_hook(Trim())
    return piped


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at what goes to a stream."""
    return stream is not None and stream.isatty()


def shows_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to a stream, by the variables that rich goes by, without importing rich.

    NO_COLOR (no-color.org) wins over FORCE_COLOR (force-color.org); each counts unless it is empty.
    """
    if environ.get("NO_COLOR") or environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    if environ.get("TTY_COMPATIBLE") in ("0", "1"):
        return environ["TTY_COMPATIBLE"] == "1"
    if "FORCE_COLOR" in environ:
        return environ["FORCE_COLOR"] != ""
    return is_terminal(stream)
