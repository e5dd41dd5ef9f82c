"""Text and positions in it: `Source` and `Span`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as one, and the marks of its parser


@dataclass(frozen=True, eq=False)
class Source:
    """One text and the name it is shown under (a path, `<text>`, or `--set`)."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[str]:
        lines = LINE_BREAK.split(self.text)
        return lines if lines[-1] else lines[:-1]


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands: line and column count from 1, the end is exclusive; columns count code points."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def within(self, start: int, end: int) -> Span:
        """The part of a one-line span between two offsets; a span of several lines has no parts and stays whole."""
        if self.line != self.end_line:
            return self
        start = min(self.column + start, max(self.column, self.end_column - 1))
        end = min(self.column + end, self.end_column)
        return Span(self.source, self.line, start, self.line, max(end, start + 1))


def printable(text: str) -> str:
    """Control characters would move the cursor or colour the terminal: show a stand-in of the same width."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def show(value: Any, limit: int = 60) -> str:
    """A value as the user would write it in YAML, cut to `limit` characters."""
    if value is None:
        text = "nothing"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, float) and not isfinite(value):
        text = ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(show(v) for v in value) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{k}: {show(v)}" for k, v in value.items()) + "}"
    else:
        text = str(value)
    text = printable(text.replace("\n", "⏎"))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bytes_text(size: float, digits: str = ".3g") -> str:
    """`16 bytes`, `3.81 MiB`: a binary multiple, its number in the format `digits`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:{digits}} {unit}"
        size /= 1024
    return f"{size:{digits}} TiB"
