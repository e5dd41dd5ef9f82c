"""Lines in colours for a terminal, without rich, whose import takes longer than a comparison.

A line is a list of spans; one that is wider than the terminal goes on below, set in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

SET_IN = 6  # columns, of what goes on below
NARROWEST = 20
_CODES = {"": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "alarm": "1;31"}


class Styled(NamedTuple):
    """A part of a line; the style is one of `_CODES`."""

    text: str
    style: str = ""


Line = tuple[Styled, ...]


@dataclass(frozen=True)
class Lines:
    """A report as lines that depend on the width they have."""

    of_width: Callable[[int], Iterable[Line]]

    def text(self, width: int, *, colour: bool, wrap: bool) -> str:
        """All lines as one text, without blanks at their ends."""
        lines = self.of_width(width)
        if wrap:
            lines = (part for line in lines for part in _wrapped(line, max(width, NARROWEST)))
        return "\n".join(_coloured(line) if colour else plain(line) for line in lines)


def plain(line: Line) -> str:
    return "".join(part.text for part in line).rstrip()


def _coloured(line: Line) -> str:
    coded = (f"\x1b[{_CODES[style]}m{text}\x1b[0m" if _CODES[style] and text.strip() else text for text, style in line)
    return "".join(coded).rstrip()


def _wrapped(line: Line, width: int) -> Iterator[Line]:
    """The line cut between words; a word that is longer than a line stays whole, so that a name can be copied."""
    text = "".join(part.text for part in line)
    styles = [style for part in line for style in [part.style] * len(part.text)]
    start, indent = 0, 0
    while len(text) - start + indent > width:
        words = len(text) - len(text[start:].lstrip())  # where the first word begins
        blank = text.rfind(" ", words, start + width - indent + 1)
        end = blank if blank > 0 else text.find(" ", words)
        if end < 0:
            break
        yield _cut(text, styles, start, end, indent)
        start, indent = end + 1, SET_IN
    yield _cut(text, styles, start, len(text), indent)


def _cut(text: str, styles: list[str], start: int, end: int, indent: int) -> Line:
    parts = [Styled(" " * indent)] if indent else []
    while start < end:
        stop = next((i for i in range(start, end) if styles[i] != styles[start]), end)
        parts.append(Styled(text[start:stop], styles[start]))
        start = stop
    return tuple(parts)
