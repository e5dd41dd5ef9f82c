"""CSV tables: a header line and cells, every complaint at its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netspec.source.errors import NetspecError, Problem, did_you_mean, raise_all
from netspec.source.text import Source, Span, show

MOST_SHOWN = 10  # a table with a wrong column has as many wrong cells as lines


@dataclass(frozen=True)
class Table:
    """Column names and, row by row, the cells as text; `lines` has the line that each row begins at."""

    source: Source
    delimiter: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = field(repr=False)
    lines: tuple[int, ...] = field(repr=False)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def text(self, name: str) -> list[str]:
        """One column as it stands.  Raises NS604 for empty cells."""
        column = self._index[name]
        cells = [row[column] for row in self.rows]
        if not all(cells):
            raise_all([self._bad(i, column, "is empty") for i, cell in enumerate(cells) if not cell][:MOST_SHOWN])
        return cells

    def numbers(self, name: str) -> NDArray[np.float64]:
        """One column as numbers.  Raises NS604 for cells that are none, and for NaN and infinity."""
        column = self._index[name]
        cells = [row[column] for row in self.rows]
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
            if np.isfinite(values).all():
                return values
        except ValueError:
            pass
        bad = [self._bad(i, column, reason) for i, cell in enumerate(cells) if (reason := _why_not(cell))]
        raise_all(bad[:MOST_SHOWN])
        raise AssertionError("a column that NumPy cannot read has a cell that is no number")

    def is_numeric(self, name: str) -> bool:
        return not any(map(_why_not, (row[self._index[name]] for row in self.rows)))

    def need(self, names: Iterable[str], span: Span | None) -> None:
        """Raises NS603 for columns that are not there."""
        raise_all(
            [
                Problem(
                    "NS603",
                    f"{self.source.name} has no column `{name}`",
                    span,
                    did_you_mean(name, self.names, f"it has {', '.join(f'`{n}`' for n in self.names[:20])}"),
                )
                for name in names
                if name not in self._index
            ]
        )

    def _bad(self, row: int, column: int, reason: str) -> Problem:
        line, cells = self.lines[row], self.rows[row]
        text = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        start, size = 0, len(text)
        if text.split(self.delimiter) == list(cells):  # no quotes: the place of the cell is known
            start, size = sum(len(cell) + 1 for cell in cells[:column]), len(cells[column])
        span = Span(self.source, line, start + 1, line, start + max(size, 1) + 1)
        hint = "fill it in, or leave out the line, or choose other columns with `features`"
        return Problem("NS604", f"column {column + 1}, `{self.names[column]}`, {reason}", span, hint)


def _why_not(cell: str) -> str:
    """What keeps a cell from being a number; empty when nothing does."""
    if not cell.strip():
        return "is empty, expected a number"
    try:
        value = float(cell)
    except ValueError:
        return f"is {show(cell)}, expected a number"
    return "" if np.isfinite(value) else f"is {cell.strip()}, expected a finite number"


def read_table(path: Path, delimiter: str, span: Span | None, shown: str | None = None) -> Table:
    """A CSV file.  Raises NS602 (cannot be read), NS607 (no rows) and NS604 (rows of another length)."""
    source = Source(shown or str(path), read_file(path, span, shown))
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        begin = 1
        for row in reader:
            if any(row):
                rows.append(tuple(row))
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise NetspecError("NS602", f"{source.name} is no CSV table: {error} (line {reader.line_num})", span) from None
    if not rows:
        raise NetspecError("NS607", f"{source.name} is empty", span, hint="expected a header line and rows")
    names = tuple(name.strip() for name in rows[0])
    if len(rows) == 1:
        raise NetspecError(
            "NS607", f"{source.name} has a header line and no rows", span, hint="expected one row a sample"
        )
    problems = []
    for line, cells in zip(lines, rows, strict=True):
        if len(cells) != len(names):
            where = Span(source, line, 1, line + 1, 1)
            problems.append(
                Problem(
                    "NS604",
                    f"{len(cells)} cells, the header line has {len(names)}",
                    where,
                    "give every row the same number of cells",
                )
            )
    raise_all(problems[:MOST_SHOWN])
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise NetspecError("NS603", f"{source.name} has two columns `{sorted(twice)[0]}`", span, hint="rename one")
    if len(names) == 1:
        other = next((d for d in ";\t|" if d in names[0] and d != delimiter), None)
        if other:
            shown_as = '"\\t"' if other == "\t" else f'"{other}"'
            raise NetspecError(
                "NS603",
                f"{source.name} has one column, {show(names[0])}",
                span,
                hint=f"its cells seem to be separated otherwise: add `delimiter: {shown_as}`",
            )
    return Table(source, delimiter, names, tuple(rows[1:]), tuple(lines[1:]))


def read_file(path: Path, span: Span | None, shown: str | None = None, hint: str = "save it as CSV in UTF-8") -> str:
    """The text of a data file.  Raises NS602 when there is none."""
    name = shown or str(path)
    try:
        if path.is_fifo():  # it would be waited for without end
            raise OSError("it is a pipe")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise missing_file(path, name, span) from None
    except UnicodeDecodeError as error:
        raise NetspecError("NS602", f"{name} is not UTF-8 text (byte {error.start})", span, hint=hint) from None
    except OSError as error:
        raise NetspecError("NS602", f"{name} cannot be read: {error.strerror or error}", span) from None


def missing_file(path: Path, name: str, span: Span | None,
                 otherwise: str = "paths are relative to the netspec file") -> NetspecError:  # fmt: skip
    """NS602 with the nearest name in the same folder."""
    if path.is_symlink():
        return NetspecError("NS602", f"{name} is a link that leads nowhere", span, hint="put back what it leads to")
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        names = []
    hint = did_you_mean(path.name, names, otherwise)
    return NetspecError("NS602", f"no such file: {name}", span, hint=hint)
