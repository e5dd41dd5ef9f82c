"""The table of many cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.cells.language.cell import Cell
from netspec.report.cells.formula import formula, parameters, symbolic_size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

COLUMNS = ("cell", "states", "parameters", "what it is", "source")
NOTE = "H hidden, I input. `netspec cells NAME` shows equations, costs and how a cell runs."


@dataclass(frozen=True)
class CellTable:
    """Cells as a rich renderable."""

    cells: Iterable[Cell]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        wide = options.max_width >= 150  # else the source stands behind the description
        for column in COLUMNS if wide else COLUMNS[:4]:
            grid.add_column(column, no_wrap=column in ("cell", "parameters"), overflow="fold")
        for name, states, params, description, source in rows(self.cells):
            end = (
                [Text(description), Text(source)]
                if wide
                else [Text.assemble(description, " " if description else "", (source, "dim"))]
            )
            grid.add_row(Text(name, style="bold"), Text(states), Text(params), *end)
        yield grid
        yield Text(NOTE, style="dim")


def rows(cells: Iterable[Cell]) -> list[tuple[str, str, str, str, str]]:
    """Name, states, number of parameters as a formula, description, source."""
    table = []
    for cell in cells:
        states = ", ".join(_state(s.name, formula(symbolic_size(cell, s.shape))) for s in cell.states.values())
        table.append((cell.name, states, formula(parameters(cell)), cell.description, cell.source))
    return table


def _state(name: str, size: str) -> str:
    return name if size == "H" else f"{name} ({size})"
