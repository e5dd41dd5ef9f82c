"""What an evaluation or a prediction came to, as a table or as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from netspec.cli.output import console, notes, show


class TableFormat(StrEnum):
    table = "table"
    json = "json"


def show_result(result: Any, format: TableFormat, *, quiet: bool) -> None:
    """Print it, its notes first."""
    if not quiet:
        show(notes(result.notes))
    if format is TableFormat.json:
        from netspec.source.records.from_json import plain_json

        show([plain_json(result.to_dict(), indent=2)])
    else:
        result.show(console())
