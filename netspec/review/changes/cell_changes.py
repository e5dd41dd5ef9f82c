"""What changed in the cells of a file, and whether a cell still computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.normal_form import normal_form
from netspec.cells.language.cell import Cell
from netspec.frontend.cells import read_cells
from netspec.review.changes.equation_diff import same_terms
from netspec.review.difference import Cause, Side
from netspec.review.explain.causes import merged_causes
from netspec.shapes.dim import Size
from netspec.source.errors import NetspecError, Problems

SAME = "same function"
_SIZES: tuple[dict[str, Size], ...] = ({"hidden": 12, "input": 10}, {"hidden": 12, "input": 12})  # `if input == hidden`
_PARAMS = (2.0, 3.0, 5.0, 6.0)  # of those that a layer has to give


def cell_changes(before: Side, after: Side, written: Sequence[Cause]) -> list[Cause]:
    """The changes of the text below `cells`; a cell that computes what it did before is said to, and so are equations.

    Two cells are compared under one name, or under the one that the other was renamed from.
    """
    changes = [cause for cause in written if cause.path.startswith("cells.")]
    if before.document is None or after.document is None or not (changes or "cells" in after.document.root):
        return changes
    old, new = cells_of(before), cells_of(after)
    changed = {cause.path.split(".")[1] for cause in changes}
    if any(old.get(name) != new.get(name) for name in {*old, *new} - changed - {str(c.before) for c in changes}):
        changes = [cause for cause in merged_causes(before, after) if cause.path.startswith("cells.")]
    renamed = {cause.path: str(cause.before) for cause in changes if cause.kind == "renamed"}
    same: dict[str, bool] = {}
    noted = []
    for cause in changes:
        name = cause.path.split(".")[1]
        if name not in same:
            old_cell = old.get(renamed.get(f"cells.{name}", name))
            same[name] = old_cell is not None and name in new and same_function(old_cell, new[name])
        noted.append(replace(cause, note=cause.note or _note(cause, same[name])))
    return noted


def _note(cause: Cause, same: bool) -> str:
    if same:
        return SAME
    equation = ".equations." in cause.path and cause.kind == "changed"
    return "same terms in another order" if equation and same_terms(str(cause.before), str(cause.after)) else ""


def cells_of(side: Side) -> Mapping[str, Cell]:
    """The cells that a side declares, those that are broken left out."""
    return read_cells(side.document, Problems()).own if side.document is not None else {}


def same_function(a: Cell, b: Cell) -> bool:
    """Whether two cells compute the same whatever their names, for equal weights and for sizes equal or not.

    A parameter of one is that of the other in the same place.
    """
    if len(a.params) != len(b.params):
        return False
    try:
        return all(_form(a, sizes) == _form(b, sizes) for sizes in _SIZES)
    except NetspecError:  # the values that were chosen fit no size in it
        return False


def _form(cell: Cell, sizes: Mapping[str, Size]) -> str:
    required = [name for name, default in cell.params.items() if default is None]
    return normal_form(step_of(cell, sizes, dict(zip(required, cycle(_PARAMS), strict=False)))).text
