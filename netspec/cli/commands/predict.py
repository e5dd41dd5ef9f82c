"""`netspec predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.options import Device, quiet_option
from netspec.cli.results import TableFormat, show_result


@command(
    "netspec predict runs/flowers-1 new.csv",
    "netspec predict model.onnx image.png",
    "netspec predict runs/char_lstm-1 'The ' --temperature 0.7",
)
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="RUN-or-MODEL", help="A run folder or an exported .onnx file.", show_default=False)
    ],
    input: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="A .csv, .npz or image file, or a folder of images. For a network trained on the source `text`: the "
            'beginning of a text, such as "def ".',
        ),
    ],
    format: Annotated[
        TableFormat, typer.Option(metavar="FORMAT", help="How to print it: table or json.")
    ] = TableFormat.table,
    device: Device = "auto",
    length: Annotated[
        int | None, typer.Option(min=1, help="Text: how many characters to write; 500 when left out.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Text: the sampling temperature. Below 1 favours likely characters, 0 takes the likeliest; 1 when "
            "left out.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Text: the seed of the characters that are drawn; 0 when left out.")
    ] = None,
    quiet: Annotated[bool, quiet_option("Leave out notes.")] = False,
) -> None:
    """Predictions for a file: classes with their probability, or numbers. For a text: its continuation."""
    with errors():
        from netspec.report.predictions import show_predictions
        from netspec.training.generate import Writing
        from netspec.training.predict import predict as run_prediction

        chosen = {"length": length, "temperature": temperature, "seed": seed}
        options = {name: value for name, value in chosen.items() if value is not None}
        writing = Writing(**options) if options else None  # type: ignore[arg-type]  # each in its own field
        show_result(run_prediction(model, input, device=device, writing=writing), format, show_predictions, quiet=quiet)
