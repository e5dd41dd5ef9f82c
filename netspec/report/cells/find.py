"""The cells and parameters that a command line names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netspec.cells.language.cell import Cell
from netspec.cells.language.library import library_cell, library_names
from netspec.frontend.cells import cells_of_file, used_of_file
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import show


def library() -> list[Cell]:
    """Every cell of the library."""
    return [library_cell(name) for name in library_names()]


def find(name: str) -> list[Cell]:
    """The cells that a name, `FILE:NAME` or `FILE` stands for.  Raises NS101, NS201 and what is wrong with them.

    A file without cells of its own stands for those of the library that its layers name.
    """
    file, _, cell = name.rpartition(":")
    if name.endswith((".yaml", ".yml")):
        file, cell = name, ""
    if not file:
        if name in library_names():
            return [library_cell(name)]
        hint = did_you_mean(name, library_names(), "`netspec cells` lists the library's; FILE:NAME is one of a file")
        raise NetspecError("NS201", f"the library has no cell {show(name)}", hint=hint)
    of_file = cells_of_file(Path(file))
    if cell and cell not in of_file:
        there = f"it has {', '.join(f'`{c}`' for c in of_file)}" if of_file else "it has no `cells`"
        raise NetspecError("NS201", f"no cell {show(cell)}", name=file, hint=did_you_mean(cell, of_file, there))
    if cell:
        return [of_file[cell]]
    chosen = list(of_file.values()) or used_of_file(Path(file))
    if not chosen:
        raise NetspecError(
            "NS201",
            "the file has no `cells`, and no layer of it names one",
            name=file,
            hint="`netspec cells` lists the library's",
        )
    return chosen


def read_params(texts: Iterable[str]) -> dict[str, float]:
    """`NAME=VALUE` of the command line.  Raises NS203."""
    params = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        number = _number(value)
        if not name or number is None:
            raise NetspecError(
                "NS203",
                f"expected NAME=NUMBER, received {show(text)}",
                name="--param",
                hint=f"for example `--param {name or 'NAME'}=1`",
            )
        params[name] = number
    return params


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
