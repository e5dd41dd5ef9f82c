"""The functions that equations may call: one row each, with the same mathematics for every way of running a cell.

A row (`row.py`) is a `Function` at the top of a module of this folder; every module is searched for them.  Nothing
else has to know of a new one.
"""

from __future__ import annotations

import importlib
import pkgutil

from netspec.cells.functions.row import Function


def _rows() -> dict[str, Function]:
    """All rows by name."""
    modules = [importlib.import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]
    rows = [row for module in modules for row in vars(module).values() if isinstance(row, Function)]
    table = {row.name: row for row in sorted(rows, key=lambda row: row.name)}
    assert len(table) == len(rows), "two functions have one name"
    return table


FUNCTIONS = _rows()
PUBLIC = {name: row for name, row in FUNCTIONS.items() if not row.internal}  # what an equation may call
