"""`netspec migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.load import compiled
from netspec.cli.migrated import carried_weights
from netspec.cli.options import Noise, Of, Sets, quiet_option
from netspec.cli.output import show, written


@command(
    "netspec migrate runs/resnet18-1 resnet34.yaml --dry-run",
    "netspec migrate runs/net-1 net.yaml --set width=96 -o wider.safetensors",
    "netspec migrate torchvision.safetensors ours.yaml --of resnet18.yaml",
)
def migrate(
    old: Annotated[
        Path,
        typer.Argument(
            metavar="OLD", help="A run, a .safetensors file, or an exported .onnx model.", show_default=False
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The netspec file of the new network.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="A folder or a .safetensors file; NAME.safetensors if left out.", show_default=False
        ),
    ] = None,
    sets: Sets = None,
    of: Of = None,
    noise: Noise = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the table, write nothing.")] = False,
    quiet: Annotated[bool, quiet_option("Print nothing but the path of the file.")] = False,
) -> None:
    """Carry the weights of one network into another: layers are paired by structure, wider and deeper ones begin so
    that the network computes what it did, as far as its layers allow it."""
    with errors():
        from netspec.migrate.write import output_path, write_migration

        graph = compiled(new, sets)
        path = output_path(out, graph.name, old)
        network, migration = carried_weights(old, graph, of, noise, quiet=quiet)
        if not dry_run:
            write_migration(path, network, graph, migration)
            show([*([] if quiet else [""]), written(path, quiet=quiet)])
