"""`netspec explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.options import format_option
from netspec.cli.output import show
from netspec.report.formats import Formats

FORMATS = Formats("netspec.report.provenance", default="text")


@command("netspec explain runs/resnet18-1", "netspec explain resnet18.onnx --format json")
def explain(
    run_or_model: Annotated[
        str, typer.Argument(metavar="RUN-or-MODEL", help="A run folder or an ONNX file.", show_default=False)
    ],
    format: Annotated[str, format_option(FORMATS, "How to print it.")] = FORMATS.default,
) -> None:
    """Which file and commit a run or a model came from, and whether that file is still the same network."""
    from netspec.review.provenance import provenance

    with errors():
        parts = FORMATS.render(format, provenance(run_or_model))
    show(parts)
