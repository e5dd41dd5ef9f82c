"""What an evaluation or a prediction came to, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netspec.cli.output import console, notes, show

if TYPE_CHECKING:
    from rich.console import Console


class TableFormat(StrEnum):
    table = "table"
    json = "json"


def show_result(result: Any, format: TableFormat, table: Callable[[Console, Any], None], *, quiet: bool) -> None:
    """Print it, its notes first; `table` shows it on a console."""
    if not quiet:
        show(notes(result.notes))
    if format is TableFormat.json:
        from netspec.source.records.from_json import plain_json

        show([plain_json(result.to_dict(), indent=2)])
    else:
        table(console(), result)
