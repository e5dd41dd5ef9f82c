"""The `cells` section, and the cells that layers name: the file's own first, then the library's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.cells.language.library import library_cell, library_names
from netspec.frontend.document import Document
from netspec.frontend.files import Files
from netspec.frontend.identifiers import check_name
from netspec.frontend.names import BrokenError
from netspec.layers.init import cell_inits
from netspec.source.errors import NetspecError, Problem, Problems, did_you_mean, meant, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar, Tree, read_text

if TYPE_CHECKING:
    from netspec.cells.language.cell import Cell


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
        otherwise = "`cells` declares one, `netspec cells` lists the library's"
        hint = library_hint(name) or did_you_mean(name, [*library_names(), *self.own], otherwise)
        raise NetspecError("NS201", f"unknown cell `{name}`", span, hint=hint)


def read_cells(document: Document, problems: Problems) -> Cells:
    """Every cell of the `cells` section, whether or not a layer uses it; what is wrong goes to `problems`."""
    cells = Cells()
    section = document.section("cells")
    if section is None:
        return cells
    from netspec.cells.ir.read import read_cell
    from netspec.cells.language.parse import unused_params

    for name, tree in section.entries.items():
        span = section.key_span(name)
        before = len(problems)
        check_name(name, span, "a cell", problems, module=False)
        cell = read_cell(name, tree, span, problems)
        if cell is not None:
            _check_inits(cell, problems)
        if cell is not None and len(problems) == before and isinstance(tree, Map):
            problems += unused_params(cell, tree)
        if cell is None or len(problems) > before:
            cells.broken.add(name)
        else:
            cells.own[name] = cell
    return cells


def cells_of_file(path: Path) -> dict[str, Cell]:
    """The cells of a file by name, with those that it includes and extends.  Raises all that is wrong with them."""
    source = read_text(path)
    root = Files().load(source, path, path.parent)
    section = root.get("cells")
    if section is not None and not isinstance(section, Map):
        raise NetspecError("NS203", f"`cells` expects a mapping, received {show(section.plain())}", section.span)
    problems = Problems()
    cells = read_cells(Document(source, path.parent, root), problems)
    raise_all(problems)
    return cells.own


def library_hint(name: str) -> str:
    """`LSTM`, `nn.GRU`: what the library calls a cell that is named as torch names it; empty when it is none."""
    module, _, kind = name.rpartition(".")
    cell = kind.lower()
    if cell not in library_names() or cell == name:
        return ""
    if module and cell == "gru":
        return "torch's nn.GRU is `gru_reset_after`; `gru` resets before the product"
    return meant(name, cell)


def used_of_file(path: Path) -> list[Cell]:
    """The cells of the library that a file's layers name, in its order.  Raises NS1xx."""
    root = Files().load(read_text(path), path, path.parent)
    return [library_cell(name) for name in dict.fromkeys(_named(root)) if name in library_names()]


def _named(tree: Tree) -> Iterator[str]:
    """Every `type` and `cell` of a tree."""
    for key, value in tree.entries.items() if isinstance(tree, Map) else ():
        if key in ("type", "cell") and isinstance(value, Scalar):
            yield str(value.value)
        yield from _named(value)


def _check_inits(cell: Cell, problems: Problems) -> None:
    """Report rules of `init` that do not fit the weights they are for (NS305)."""
    from netspec.cells.language.expr import unparse

    try:
        inits = cell_inits(cell, {name: default or 0.0 for name, default in cell.params.items()})
    except NetspecError as error:
        problems += error.problems
        return
    for name, init in inits.items():
        shape = cell.weights[name].shape
        if init.matrices_only and len(shape) < 2:
            axes = ", ".join(map(unparse, shape))
            message = f"`init`: this rule needs a weight of two axes, `{name}` of cell `{cell.name}` has [{axes}]"
            hint = "use zeros, ones, constant, normal or uniform"
            problems.append(Problem("NS305", message, cell.init[name].span, hint))
