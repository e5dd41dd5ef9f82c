"""The table of a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.graph.model import Graph
from netspec.report.grid import Grid
from netspec.report.summary import COLUMNS, NOTE, row_text, rows, totals

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType


def render(graph: Graph) -> Iterator[SummaryTable]:
    yield SummaryTable(graph)


@dataclass(frozen=True)
class SummaryTable:
    """A network as a rich renderable: columns that do not fit are left out from the right."""

    graph: Graph

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        graph = self.graph
        cells = [row_text(row) for row in rows(graph)]
        widths = [max(len(c[i]) for c in (COLUMNS, *cells)) + 3 for i in range(len(COLUMNS))]
        shown = len(COLUMNS)
        while shown > 4 and sum(widths[:shown]) > options.max_width:
            shown -= 1
        yield Text.assemble((graph.name, "bold"), f"  {graph.description}" if graph.description else "")
        if graph.source:
            yield Text(graph.source, style="dim")
        yield Grid(COLUMNS[:shown], [row[:shown] for row in cells], left=3, dim=lambda row: row[1] == "input")
        figures = Table(box=None, show_header=False, pad_edge=False)
        for name, text in totals(graph):
            figures.add_row(Text(name, style="bold"), Text(text))
        yield figures
        wider = f" A wider terminal also shows: {', '.join(COLUMNS[shown:])}." if shown < len(COLUMNS) else ""
        yield Text(NOTE + wider, style="dim")
