"""Columns of a table as numbers or labels: what a cell may say, and one complaint for each way a column goes wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.data.image_files import SUFFIXES
from netspec.data.labels import FLOAT_MAX, MISSING, MOST_ENTRIES, NUMBER, clean
from netspec.data.table import MOST_SHOWN, Table
from netspec.source.errors import Problem, raise_all
from netspec.source.text import show

MARKED = re.compile(r"[+\-−]?\d[\d.,_'’\s]*")  # a number to a reader: of another script, with marks, a decimal comma


@dataclass(frozen=True)
class Wanted:
    """What the cells of a column have to be: numbers of `dtype`; with `entries`, those of an embedding's entries.

    `entries`: of several columns one for each, or one for all.

    `use`: what they are read for, which decides what can be done about a wrong one.
    """

    dtype: str = "float32"
    entries: int | tuple[int, ...] = 0
    use: Literal["feature", "target", "prediction"] = "feature"


def read_columns(table: Table, names: Sequence[str], wanted: Wanted, problems: list[Problem]) -> NDArray[Any]:
    """(rows, columns): float64, or the whole numbers or bool that `dtype` says; what is wrong goes to `problems`."""
    kind = np.float64 if wanted.dtype == "float32" else np.dtype(wanted.dtype)
    columns = np.zeros((len(table.rows), len(names)), kind)
    for i, name in enumerate(names):
        column = replace(wanted, entries=wanted.entries[i]) if isinstance(wanted.entries, tuple) else wanted
        cells = table.cells(name)
        values = _quickly(cells, column)
        if values is None:
            values, faults = _each(cells, column)
            problems += _complaints(table, name, faults, column)
        columns[:, i] = values
    return columns


def read_labels(table: Table, name: str, problems: list[Problem]) -> NDArray[np.str_]:
    """One column as labels, in the form that `clean` gives them; a missing one goes to `problems`."""
    cells = [clean(cell) for cell in table.cells(name)]
    faults = {i: _Fault("missing", _missing(cell), cell) for i, cell in enumerate(cells) if cell in MISSING}
    problems += _complaints(table, name, faults, Wanted(use="target"))
    return np.array(cells)


def are_numbers(cells: Sequence[str]) -> bool:
    return all(NUMBER.fullmatch(cell.strip()) for cell in cells)


def raise_shown(table: Table, problems: list[Problem]) -> None:
    """Raises the first of many: a table of genes has as many columns as it has genes."""
    more = len(problems) - MOST_SHOWN
    if more > 0:
        rest = Problem("NS604", f"{table.source.name}: {more:,} more complaint{'s' * (more > 1)} of this kind")
        problems = [*problems[:MOST_SHOWN], rest]
    raise_all(problems)


@dataclass(frozen=True)
class _Fault:
    """Why a cell cannot be taken: `reason` for the reader, `kind` to put the like together."""

    kind: Literal["missing", "text", "large", "fraction", "range"]
    reason: str
    cell: str


def _missing(cell: str) -> str:
    """What is wrong with a label that is none."""
    return f"is {show(cell)}, which stands for nothing" if cell else "is empty"


def _quickly(cells: list[str], wanted: Wanted) -> NDArray[Any] | None:
    """The numbers where all is well; None where a cell has to be looked at."""
    text = "".join(cells)
    if not text.isascii() or "_" in text:  # what `float` and `int` take, and a table has not
        return None
    try:
        if wanted.dtype == "float32":
            values: NDArray[Any] = np.fromiter(map(float, cells), np.float64, len(cells))
            return values if bool((np.abs(values) <= FLOAT_MAX).all()) else None  # and so no NaN
        values = np.fromiter(map(int, cells), np.int64, len(cells))
    except (ValueError, OverflowError):
        return None
    low, high = _range(wanted)
    return values if not len(values) or (low <= values.min() and values.max() <= high) else None


def _range(wanted: Wanted) -> tuple[int, int]:
    """The least and the largest whole number that will do."""
    if wanted.dtype == "bool":
        return 0, 1
    bits = np.iinfo(wanted.dtype)
    assert isinstance(wanted.entries, int)  # of one column
    return (0, wanted.entries - 1) if wanted.entries else (int(bits.min), int(bits.max))


def _each(cells: list[str], wanted: Wanted) -> tuple[NDArray[Any], dict[int, _Fault]]:
    """The numbers, 0 where a cell is none, and what is wrong with those."""
    values: NDArray[Any] = np.zeros(len(cells), np.float64 if wanted.dtype == "float32" else np.int64)
    faults = {}
    for i, cell in enumerate(cells):
        value = _number(cell.strip(), wanted)
        if isinstance(value, _Fault):
            faults[i] = value
        else:
            values[i] = value
    return values, faults


def _number(cell: str, wanted: Wanted) -> float | int | _Fault:
    expected = "a whole number" if wanted.dtype != "float32" else "a number"
    if not cell:
        return _Fault("missing", f"is empty, expected {expected}", cell)
    if NUMBER.fullmatch(cell) is None:
        if cell.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            return _Fault("missing", f"is {cell}, expected a finite number", cell)
        if cell in MISSING:
            return _Fault("missing", f"is {cell}, which stands for nothing, expected {expected}", cell)
        return _Fault("text", f"is {show(cell)}, expected {expected}", cell)
    if wanted.dtype == "float32":
        value = float(cell)
        return value if abs(value) <= FLOAT_MAX else _Fault("large", f"is {show(cell)}, beyond float32", cell)
    exact = Decimal(cell)
    low, high = _range(wanted)
    if exact.adjusted() > 20:
        return _Fault("large", f"is {show(cell)}, beyond {wanted.dtype}", cell)
    if (exact.adjusted() < -20 and exact) or exact != int(exact):
        return _Fault("fraction", f"is {cell}, expected a whole number ({wanted.dtype})", cell)
    if wanted.entries and not low <= exact <= high:
        return _Fault("range", f"is {int(exact)}, its embedding has entries 0 to {high}", cell)
    if not low <= exact <= high:
        limits = "expected 0 or 1" if wanted.dtype == "bool" else f"{wanted.dtype} goes from {low} to {high}"
        return _Fault("large", f"is {int(exact)}, {limits}", cell)
    return int(exact)


def _complaints(table: Table, name: str, faults: dict[int, _Fault], wanted: Wanted) -> list[Problem]:
    """One for each kind of fault, at its first cell, with the number of the others."""
    complaints = []
    for kind in dict.fromkeys(fault.kind for fault in faults.values()):
        rows = [row for row, fault in faults.items() if fault.kind == kind]
        first = faults[rows[0]]
        others = f" (and {len(rows) - 1:,} more cell{'s' * (len(rows) > 2)} of the column)" if len(rows) > 1 else ""
        hint = _help(name, [faults[row].cell for row in rows], kind, len(rows) == len(table.rows), wanted)
        text = f"column {table.number(name)}, `{name}`, {first.reason}{others}"
        complaints.append(Problem("NS604", text, table.span_at(rows[0], name), hint))
    return complaints


def _help(name: str, cells: list[str], kind: str, throughout: bool, wanted: Wanted) -> str:
    """What can be done about such cells: it has to be true of these."""
    leave = "fill it in, or leave out the line"
    if kind == "missing":
        if throughout and wanted.use == "feature":
            return f"`{name}` has nothing at all: choose other columns with `features`"
        return leave
    if kind == "fraction":
        if wanted.entries or wanted.use == "prediction":
            return "the network takes whole numbers here" + (
                ": those of an embedding's entries" if wanted.entries else ""
            )
        return f"give it a whole number, or leave out the input's `dtype: {wanted.dtype}`"
    if kind == "range":
        numbers = [int(Decimal(cell)) for cell in cells]
        larger = (
            f", or give the embedding `num_embeddings: {max(numbers) + 1}`"
            if min(numbers) >= 0 and max(numbers) < MOST_ENTRIES
            else ""
        )
        return f"count from 0{larger}" if wanted.use != "prediction" else "the network knows no others"
    if kind == "large":
        return "give it in another unit" if wanted.dtype == "float32" else "correct it, or leave out the line"
    if all(MARKED.fullmatch(cell) for cell in cells):
        sign = ", with - for minus" if any("−" in cell for cell in cells) else ""
        return f"write the digits 0 to 9 and a decimal point{sign}, without marks between thousands"
    if all(cell.lower().endswith(tuple(SUFFIXES)) for cell in cells):
        return "a table holds numbers: images are read by `{type: image_folder, path: …}`, one folder a class"
    if wanted.use == "prediction" or not throughout:
        return "correct it, or leave out the line"
    if wanted.use == "target":
        return f"the loss compares numbers: for the classes of `{name}` use the loss `cross_entropy`"
    return f"`{name}` holds text: write numbers for it, or choose other columns with `features`"
