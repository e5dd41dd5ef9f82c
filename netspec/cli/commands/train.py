"""`netspec train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import netspec
from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.load import compiled
from netspec.cli.migrated import carried_start
from netspec.cli.options import DataAt, Device, NetFile, Noise, Of, Sets, quiet_option
from netspec.cli.output import console, show


@command(
    "netspec train architectures/digits_cnn.yaml",
    "netspec train a.yaml --set width=64",
    "netspec train net.yaml --run runs/net-1 --resume",
    "netspec train wider.yaml --from runs/net-1",
)
def train(
    file: NetFile,
    sets: Sets = None,
    run: Annotated[
        Path | None, typer.Option(help="The run folder; runs/NAME-N when left out.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run, exactly as if it had not been interrupted.")
    ] = False,
    begin_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="OLD",
            show_default=False,
            help="Begin with the weights of a run, a .safetensors file or an exported .onnx model, carried over as "
            "`netspec migrate` does.",
        ),
    ] = None,
    of: Of = None,
    noise: Noise = 0.0,
    device: Device = "auto",
    data: DataAt = None,
    allow_changed_data: Annotated[
        bool,
        typer.Option(
            "--allow-changed-data",
            help="Resume although the data has changed since the run began: with the samples that are left, each in "
            "the part it was in.",
        ),
    ] = False,
    quiet: Annotated[bool, quiet_option("Print nothing but the run folder.")] = False,
) -> None:
    """Train the network on its `data` as its `train` says; write a run folder with weights, metrics and curves."""
    with errors():
        graph = compiled(file, sets)
        if not resume and (data is not None or allow_changed_data):
            raise typer.BadParameter(
                "is for a run to go on with: add --resume, or change the file's `data`",
                param_hint="--data" if data is not None else "--allow-changed-data",
            )
        if begin_from is not None and resume:
            raise typer.BadParameter(
                "a run goes on with the weights it has: leave one of both out", param_hint="--from"
            )
        if begin_from is None and (of is not None or noise):
            raise typer.BadParameter("is for --from", param_hint="--of" if of is not None else "--noise")
        start = None
        if begin_from is not None:
            graph.learning(file)
            start = carried_start(begin_from, graph, of, noise, quiet=quiet)
        options = [word for assignment in sets or () for word in ("--set", assignment)]
        options += ["--device", device] if device != "auto" else []
        options += ["--data", str(data)] if data is not None else []
        options += ["--allow-changed-data"] if allow_changed_data else []
        done = netspec.train(
            graph,
            run=run,
            resume=resume,
            device=device,
            console=None if quiet else console(),
            file=file,
            data_at=data,
            start=start,
            allow_changed_data=allow_changed_data,
            options=options,
        )
    if quiet:
        show([str(done.path)])
    if done.status == "interrupted":
        raise typer.Exit(128 + done.signal)
