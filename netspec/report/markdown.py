"""Markdown as GitHub renders it, with names and values in it that anybody may have chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from netspec.source.text import printable

_PLAIN = re.compile(r"[^`|\\\r\n]+")


def one_line(text: str) -> str:
    """Text without line breaks and control characters."""
    return printable(re.sub(r"\r\n|[\r\n]", "⏎", text))


def code(text: str) -> str:
    """A name as code: nothing in it is a link, a mention or a tag; what would end code or cell is an entity."""
    text = one_line(text)
    if _PLAIN.fullmatch(text) and text == text.strip():
        return f"`{text}`"
    return f"<code>{entities(text)}</code>"


def html_code(text: str) -> str:
    """The same within a block of HTML, where Markdown means nothing."""
    return f"<code>{escape(one_line(text))}</code>"


def entities(text: str) -> str:
    """Text in which no character means anything: letters and digits as they are, all others by their numbers."""
    return "".join(c if c.isalnum() or c in " ⏎" else f"&#{ord(c)};" for c in one_line(text))


def fence(lines: Sequence[str], language: str = "") -> list[str]:
    """Lines as they are, in a fence that is longer than any in them."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *lines, marks]


def row(cells: Sequence[str]) -> str:
    """A row of a table, of cells that are escaped already."""
    return f"| {' | '.join(cells)} |"
