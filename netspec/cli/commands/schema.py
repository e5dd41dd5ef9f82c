"""`netspec schema`."""

from __future__ import annotations

import typer

from netspec.cli.application import command


@command("netspec schema > netspec.schema.json")
def schema() -> None:
    """Print the JSON schema (draft-07) that editors complete and check with."""
    from netspec.report.schema import schema_text

    typer.echo(schema_text(), nl=False)
