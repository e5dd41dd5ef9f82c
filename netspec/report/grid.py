"""A table of many rows for a terminal: rich's own takes half a millisecond a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

GAP = 3
NARROWEST = 4


@dataclass(frozen=True)
class Grid:
    """Rows of text under a header and a line; the first column goes on below where the terminal is too narrow.

    The first `left` columns stand at the left, the others, numbers, at the right.  `dim` says which rows are pale.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    dim: Callable[[Sequence[str]], bool]

    def widths(self, room: int) -> list[int]:
        """The width of each column, the first cut to what is left of the room."""
        first, *more = (max(map(len, column)) for column in zip(self.header, *self.rows, strict=True))
        return [min(first, max(NARROWEST, room - 2 - sum(more) - GAP * len(more))), *more]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.segment import Segment
        from rich.style import Style

        widths = self.widths(options.max_width)
        bold, pale = Style(bold=True), Style(dim=True)
        width = sum(widths) + GAP * (len(widths) - 1) + 2
        yield Segment(" " * width + "\n")
        yield from (Segment(line, bold) for line in self.lines(self.header, widths))
        yield Segment(f" {'─' * (width - 2)} \n")
        for row in self.rows:
            style = pale if self.dim(row) else None
            yield from (Segment(line, style) for line in self.lines(row, widths))
        yield Segment(" " * width + "\n")

    def lines(self, row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
        name, *rest = row
        for start in range(0, len(name) or 1, widths[0]):
            cells = [name[start : start + widths[0]], *(rest if not start else [""] * len(rest))]
            sides = zip(cells, widths, range(len(cells)), strict=True)
            text = (" " * GAP).join(c.ljust(w) if i < self.left else c.rjust(w) for c, w, i in sides)
            yield f" {text} \n"
