"""The `cells` section, and the cells that layers name: the file's own first, then the library's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.cells.library import library_cell, library_names
from netspec.frontend.document import Document
from netspec.frontend.files import Files
from netspec.frontend.identifiers import check_name
from netspec.frontend.names import BrokenError
from netspec.layers.init import cell_inits
from netspec.source.errors import NetspecError, Problem, Problems, did_you_mean, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import Map, read_text

if TYPE_CHECKING:
    from netspec.cells.cell import Cell


@dataclass
class Cells:
    """The cells of a file by name."""

    own: dict[str, Cell] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)  # reported: the layers that name them stay silent

    def find(self, name: str, span: Span | None = None) -> Cell:
        """Raises NS201 for a name that neither the file nor the library has."""
        if name in self.own:
            return self.own[name]
        if name in self.broken:
            raise BrokenError()
        if name in library_names():
            return library_cell(name)
        near = did_you_mean(name, [*library_names(), *self.own], "`cells` declares one, `netspec cells` lists the "
                            "library's")  # fmt: skip
        raise NetspecError("NS201", f"unknown cell `{name}`", span, hint=near)


def read_cells(document: Document, problems: Problems) -> Cells:
    """Every cell of the `cells` section, whether or not a layer uses it; what is wrong goes to `problems`."""
    cells = Cells()
    section = document.section("cells")
    if section is None:
        return cells
    from netspec.cells.read import read_cell

    for name, tree in section.entries.items():
        place = section.key_span(name)
        before = len(problems)
        check_name(name, place, "a cell", problems, module=False)
        cell = read_cell(name, tree, place, problems)
        if cell is not None:
            _check_inits(cell, problems)
        if cell is None or len(problems) > before:
            cells.broken.add(name)
        else:
            cells.own[name] = cell
    return cells


def cells_of_file(path: Path) -> dict[str, Cell]:
    """The cells of a file by name, with those that it includes and extends.  Raises all that is wrong with them."""
    source = read_text(path)
    root = Files().whole(source, path.parent, (path.resolve(),))
    section = root.get("cells")
    if section is not None and not isinstance(section, Map):
        raise NetspecError("NS203", f"`cells` expects a mapping, received {show(section.plain())}", section.span)
    problems = Problems()
    cells = read_cells(Document(source, path.parent, root), problems)
    raise_all(problems)
    return cells.own


def _check_inits(cell: Cell, problems: Problems) -> None:
    from netspec.cells.expr import unparse

    try:
        inits = cell_inits(cell, {name: default or 0.0 for name, default in cell.params.items()})
    except NetspecError as error:
        problems += error.problems
        return
    for name, init in inits.items():
        shape = cell.weights[name].shape
        if init.matrices_only and len(shape) < 2:
            problems.append(Problem("NS305", f"`init`: this rule needs a weight of two axes, `{name}` of cell "
                                    f"`{cell.name}` has [{', '.join(map(unparse, shape))}]", cell.init[name].span,
                                    "use zeros, ones, constant, normal or uniform"))  # fmt: skip


def check_kind(kind: str, span: Span, cells: Cells) -> None:
    """Refuse `type: lstm` in a file that has a cell `lstm` of its own (NS207): which one is meant?"""
    if kind in library_names() and (kind in cells.own or kind in cells.broken):
        raise NetspecError.of([Problem("NS207", f"`{kind}` is the library's cell, and this file has one of the name",
                                       span, f"`type: recurrent, cell: {kind}` takes this file's; to take the "
                                       "library's, rename this file's")])  # fmt: skip
