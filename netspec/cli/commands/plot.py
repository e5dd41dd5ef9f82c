"""`netspec plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import complain, errors
from netspec.cli.load import compiled
from netspec.cli.options import NetFile, Sets, quiet_option
from netspec.report.formats import Formats

FORMATS = Formats("netspec.report.plot", default="svg")


@command("netspec plot net.yaml", "netspec plot net.yaml -o net.html", "netspec plot net.yaml -o net.svg --depth 1")
def plot(
    file: NetFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="NAME.svg if left out. The ending says what is written: .svg, a picture; .html, a page whose "
            "containers open and close, in any browser, offline; .dot, for Graphviz.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How deep containers are open in .svg and .dot; as far as fits a page if left out.",
            show_default=False,
        ),
    ] = None,
    sets: Sets = None,
    quiet: Annotated[bool, quiet_option("Print nothing but the path of the file.")] = False,
) -> None:
    """Draw the network: containers as boxes, equal copies folded (×3), shapes beside the wires."""
    from netspec.cli.output import show, written
    from netspec.source.files import check_output, file_name, write_text

    with errors():
        graph = compiled(file, sets, hold_budget=False)
        path = out or Path(f"{file_name(graph.name, 'network')}.{FORMATS.default}")
        format = path.suffix.lower().removeprefix(".")
        if format not in FORMATS.names():
            endings = ", ".join(f".{name}" for name in FORMATS.names())
            raise typer.BadParameter(f"{str(path)!r} does not end in one of {endings}.", param_hint="--out")
        if depth is not None and format == "html":
            raise typer.BadParameter("it goes with .svg and .dot; who reads a page opens it.", param_hint="--depth")
        check_output(path)
        complain(graph.warnings, level="warning")
        write_text(path, "\n".join(FORMATS.render(format, graph, depth)) + "\n")
        show([written(path, quiet=quiet)])
