"""`netspec evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.options import DataAt, Device, quiet_option
from netspec.cli.results import TableFormat, show_result


@command("netspec evaluate runs/digits_cnn-1", "netspec evaluate runs/digits_cnn-1 --format json")
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    format: Annotated[
        TableFormat, typer.Option(metavar="FORMAT", help="How to print it: table or json.")
    ] = TableFormat.table,
    device: Device = "auto",
    data: DataAt = None,
    quiet: Annotated[bool, quiet_option("Leave out notes.")] = False,
) -> None:
    """Metrics on the test part of the data, with a confusion matrix for classes."""
    with errors():
        from netspec.report.evaluation import show_evaluation
        from netspec.training.evaluate import evaluate as run_evaluation

        show_result(run_evaluation(run, device=device, data_at=data), format, show_evaluation, quiet=quiet)
