"""The cells that netspec brings: one file each in `cells/library/`, read when somebody asks for it, then kept.

A file holds what would stand below the cell's name in a `cells` section; nothing about these cells is privileged.
Their names are layer kinds, so this is loaded with every file; the language of cells is, when one is read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.source.errors import NetspecError, Problems, did_you_mean, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import parse, read_text

if TYPE_CHECKING:
    from netspec.cells.language.cell import Cell

_FOLDER = Path(__file__).parent.parent / "library"


@cache
def library_names() -> tuple[str, ...]:
    """The names of all cells of the library, in order; reads no file."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def library_text(name: str) -> str:
    """The file of a cell, as it is written."""
    return read_text(_FOLDER / f"{name}.yaml").text


@cache
def library_cell(name: str) -> Cell:
    """A cell of the library.  Raises NS201 for a name that it has not."""
    from netspec.cells.language.parse import parse_cell

    if name not in library_names():
        raise NetspecError(
            "NS201",
            f"the library has no cell {show(name)}",
            hint=did_you_mean(name, library_names(), "`netspec cells` lists them"),
        )
    source = read_text(_FOLDER / f"{name}.yaml", f"netspec/cells/library/{name}.yaml")
    problems = Problems()
    cell = parse_cell(name, parse(source), Span(source, 1, 1, 1, 1), problems).cell
    raise_all(problems)
    assert cell is not None  # without problems there is one
    return cell
