"""`netspec diff`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.application import command
from netspec.cli.dashes import PathsBehindDashes, paths_behind_dashes
from netspec.cli.options import format_option
from netspec.cli.output import as_text, is_terminal, notes, show, written
from netspec.report.formats import Formats, Stderr

if TYPE_CHECKING:
    from netspec.cli.operands import Changes, Sides
    from netspec.review.compared import Compared
    from netspec.review.limits import ChangeLimit

FORMATS = Formats("netspec.report.diff", default="text")
DIFFERS = 3  # the exit status
_ENDINGS = {".html": ("html",), ".md": ("markdown",), ".json": ("json",), ".txt": ("text", "github")}


@command(
    "netspec diff a.yaml b.yaml",
    "netspec diff HEAD:net.yaml net.yaml --all",
    "netspec diff HEAD",
    "netspec diff main...HEAD --format markdown",
    "netspec diff v1 v2 -- architectures --fail-on params:+5%,interface",
    "netspec diff runs/old model.onnx -o change.html",
    cls=PathsBehindDashes,
)
def diff(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B | REV [REV] [PATH…]",
            help="Two networks, each a file, `REV:path`, a run folder or an exported model; or revisions of git (also "
            "`A..B`, `A...B`; one: against the working tree), of which every network that differs is shown.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[str, format_option(FORMATS, "For a person, a program, or a code review.")] = FORMATS.default,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="A file. The ending says what is written: .html, .md, .json or .txt.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every layer, also those that are merely affected.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 3 where networks differ.")] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            metavar="LIMITS",
            help="End with status 3 where a change crosses one: `params:+5%`, `flops:+1G`, `activations:+0`, "
            "`depth:+0` say how much they may grow, `interface`, `weights`, `function` what has to stay; commas "
            "between them.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """What changed in a *network*, why, and what becomes of a checkpoint.

    Exit status 1 when a file is broken, 3 when networks differ (`--exit-code`) or a limit is crossed (`--fail-on`).
    """
    from netspec.cli.errors import errors
    from netspec.cli.operands import read_operands
    from netspec.source.files import check_output, write_text

    with errors():
        form = _format(context, format, out)
        if form == "html" and out is None and is_terminal(sys.stdout):
            raise typer.BadParameter("a page is for a browser: `-o change.html` writes it.", param_hint="--format")
        limits = _limits(fail_on)
        if out is not None:
            check_output(out)
        operands = read_operands(names or (), paths_behind_dashes(context))
        networks = [network.held_to(limits) for network in _compared(operands, limits)]
        parts = FORMATS.render(form, networks, every)
        if out is None:
            show(parts)
        else:
            write_text(out, as_text(parts))
            show([written(out)])
        show(Stderr(f"netspec: {network.path}: {text}") for network in networks for text in network.crossed)
    if any(network.difference is None for network in networks):
        raise typer.Exit(1)
    if any(network.crossed or (exit_code and network.difference) for network in networks):
        raise typer.Exit(DIFFERS)


def _limits(text: str) -> tuple[ChangeLimit, ...]:
    if not text:
        return ()
    from netspec.review.limits import read_limits

    try:
        return read_limits(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fail-on") from None


def _compared(operands: Sides | Changes, limits: tuple[ChangeLimit, ...]) -> list[Compared]:
    """Raises BadParameter for a path without a network, and for limits that there is nothing to hold to."""
    from netspec.cli.operands import Sides
    from netspec.review.compared import compared_revisions, compared_sides
    from netspec.review.sides.touched import NoNetworkError

    if isinstance(operands, Sides):
        return [compared_sides(operands.before, operands.after)]
    try:
        return list(compared_revisions(operands.revisions, operands.paths))
    except NoNetworkError as error:
        problem = error.problems[0]
        text = f"{problem.message}{f': {problem.hint}' if problem.hint else ''}"
        if problem.name or limits:
            raise typer.BadParameter(f"`{problem.name}`: {text}." if problem.name else f"{text}.") from None
        show(notes([text]))
        return []


def _format(context: typer.Context, format: str, out: Path | None) -> str:
    """The format that is asked for; where none is, the one that the ending of a file says.

    Raises BadParameter for an ending of no format, and for one of another format.
    """
    if out is None:
        return format
    formats = _ENDINGS.get(out.suffix.lower())
    if formats is None:
        raise typer.BadParameter(f"{str(out)!r} does not end in one of {', '.join(_ENDINGS)}.", param_hint="--out")
    source = context.get_parameter_source("format")
    if source is None or source.name == "DEFAULT":
        return formats[0]
    if format not in formats:
        raise typer.BadParameter(f"{str(out)!r} says {formats[0]} and --format {format}.", param_hint="--out")
    return format
