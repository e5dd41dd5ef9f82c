"""Names of classes in a table."""

from __future__ import annotations

from netspec.source.text import printable


def visible(name: str) -> str:
    """A class in one line of a table: `⏎` for a newline, `␣` for a space alone, `–` for a set without symbols."""
    if name.isspace() or not name:
        return "–" if not name else "".join({"\n": "⏎", "\t": "⇥"}.get(c, "␣") for c in name)
    return printable(name.replace("\n", "⏎").replace("\t", "⇥"))
