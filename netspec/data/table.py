"""CSV tables: a header line and cells, every complaint at its line and column."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from netspec.data.files import read_file
from netspec.data.labels import clean
from netspec.source.errors import NetspecError, Problem, did_you_mean, raise_all
from netspec.source.text import Source, Span, show

MOST_SHOWN = 10  # a table of genes has as many columns as it has genes
SEPARATORS = ",;\t|"


class _TableText(Source):
    """A text of lines as a table has them: csv knows no other ends of a line than these."""

    @cached_property
    def lines(self) -> list[str]:
        lines = re.split("\r\n|\n|\r", self.text)
        return lines if lines[-1] else lines[:-1]


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

    def cells(self, name: str) -> list[str]:
        """One column as it stands."""
        column = self._index[clean(name)]
        return [row[column] for row in self.rows]

    def number(self, name: str) -> int:
        """Which column it is, from 1."""
        return self._index[clean(name)] + 1

    def need(self, names: Iterable[str], span: Span | None) -> None:
        """Raises NS603 for columns that are not there."""
        missing = [name for name in dict.fromkeys(names) if clean(name) not in self._index]
        listing = f"it has {', '.join(f'`{n}`' for n in self.names[:20])}{', …' if len(self.names) > 20 else ''}"
        problems = [
            Problem(
                "NS603", f"{self.source.name} has no column `{name}`", span, did_you_mean(name, self.names, listing)
            )
            for name in missing[:MOST_SHOWN]
        ]
        if len(missing) > MOST_SHOWN:
            text = f"{self.source.name} has not {len(missing) - MOST_SHOWN:,} more columns either"
            problems.append(Problem("NS603", text, span))
        raise_all(problems)

    def span_at(self, row: int, name: str) -> Span:
        """Where a cell stands; the whole line where quotes hide it."""
        line, cells, column = self.lines[row], self.rows[row], self._index[clean(name)]
        text = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        start, size = 0, len(text)
        pieces = text.split(self.delimiter)
        if [piece.strip() for piece in pieces] == [cell.strip() for cell in cells]:
            start, size = sum(len(piece) + 1 for piece in pieces[:column]), len(pieces[column])
        return Span(self.source, line, start + 1, line, start + max(size, 1) + 1)


def read_table(
    path: Path, delimiter: str, span: Span | None, shown: str | None = None, *, trained: bool = False
) -> Table:
    """A CSV file as RFC 4180 has it.  `trained`: it is read for a run, whose delimiter nobody can change now.

    Raises NS602 (cannot be read), NS603 (names), NS607 (no rows) and NS604 (rows of another length).
    """
    source = _TableText(shown or str(path), read_file(path, span, shown))
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    for begin, row in _records(source, delimiter, span):
        if row and not (len(row) == 1 and not row[0].strip() and (not rows or len(rows[0]) > 1)):
            rows.append(row)
            lines.append(begin)
    if not rows:
        raise NetspecError("NS607", f"{source.name} is empty", span, hint="expected a header line and rows")
    _check_separator(source, rows, delimiter, span, trained)
    names = tuple(map(clean, rows[0]))
    if len(rows) == 1:
        raise NetspecError(
            "NS607", f"{source.name} has a header line and no rows", span, hint="expected one row a sample"
        )
    other = [(line, cells) for line, cells in zip(lines, rows, strict=True) if len(cells) != len(names)]
    if other:
        line, cells = other[0]
        more = f" (and {len(other) - 1:,} more lines have not as many either)" if len(other) > 1 else ""
        text = f"{len(cells)} cells, the header line has {len(names)}{more}"
        span = Span(source, line, 1, line + 1, 1)
        raise NetspecError("NS604", text, span, hint="give every row the same number of cells")
    twice = next((name for name, count in Counter(names).items() if count > 1 and name), None)
    if twice is not None:
        first = names.index(twice)
        numbers = f"{first + 1} and {names.index(twice, first + 1) + 1}"
        raise NetspecError("NS603", f"{source.name} has two columns `{twice}`, {numbers}", span, hint="rename one")
    return Table(source, delimiter, names, tuple(rows[1:]), tuple(lines[1:]))


def _records(source: Source, delimiter: str, span: Span | None) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The line that each row begins at, and its cells."""
    file = io.StringIO(source.text, newline="")
    reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=delimiter != " ")
    begin = 1
    try:
        for row in reader:
            yield begin, tuple(row)
            begin = reader.line_num + 1
    except csv.Error as error:
        where = f"line {begin}" if begin == reader.line_num else f"lines {begin} to {reader.line_num}"
        hint = "a cell with quotes in it is put between quotes, and they are doubled"
        if "larger than" in str(error):
            hint = "a quote that is opened before it, and never closed, makes the rest one cell"
        text = f"{source.name} is no CSV table: {error} ({where})"
        raise NetspecError("NS602", text, span, hint=hint) from None


def _check_separator(
    source: Source, rows: list[tuple[str, ...]], delimiter: str, span: Span | None, trained: bool
) -> None:
    """Raises NS603 where the cells seem to be separated by something else."""
    count = len(rows[0])
    if count > 1 and all(len(row) == count for row in rows):
        return
    for other in SEPARATORS.replace(delimiter, ""):
        try:
            sizes = {len(row) for _, row in islice(_records(source, other, None), 20) if row}
        except NetspecError:
            continue
        if len(sizes) == 1 and sizes != {1}:
            shown, separator = ('"\\t"' if mark == "\t" else f'"{mark}"' for mark in (other, delimiter))
            text = f"the rows of {source.name} have not as many cells as its header line"
            if count == 1:
                text = f"{source.name} has one column, {show(rows[0][0])}"
            hint = f"its cells seem to be separated otherwise: add `delimiter: {shown}`"
            if trained:
                hint = f"the run was trained on cells separated by {separator}, here it seems to be {shown}"
            raise NetspecError("NS603", text, span, hint=hint)
