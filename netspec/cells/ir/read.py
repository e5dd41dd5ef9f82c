"""A cell of a file, read and checked."""

from __future__ import annotations

from netspec.cells.ir.check import check_cell
from netspec.cells.language.cell import Cell
from netspec.cells.language.parse import parse_cell
from netspec.source.errors import Problems
from netspec.source.text import Span
from netspec.source.tree import Tree


def read_cell(name: str, tree: Tree, span: Span, problems: Problems) -> Cell | None:
    """The cell under a name; None when anything is wrong with it, which is then in `problems`.

    Reports NS2xx for its keys, NS320 to NS329 for its equations, NS41x for shapes.
    """
    cell_problems = Problems()
    parsed = parse_cell(name, tree, span, cell_problems)
    if parsed.cell is not None:
        cell_problems += check_cell(parsed.cell, parsed.broken)
    problems += cell_problems
    return None if cell_problems else parsed.cell
