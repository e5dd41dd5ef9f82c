"""What commands print to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import typer


class TableFormat(StrEnum):
    table = "table"
    json = "json"


def console() -> Any:
    """Stdout; a table that goes to a file or a pipe is as wide as it needs to be."""
    from rich.console import Console

    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=200)


def note(notes: Iterable[str]) -> None:
    """Print notes to stderr."""
    for text in notes:
        typer.echo(f"note: {text}", err=True)


def show(result: Any, format: TableFormat) -> None:
    """Print what an evaluation or a prediction came to."""
    note(result.notes)
    if format is TableFormat.json:
        from netspec.source.records.from_json import plain_json

        typer.echo(plain_json(result.to_dict(), indent=2))
    else:
        result.show(console())
