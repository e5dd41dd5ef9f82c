"""The line of the text that a message is about, with carets under the place."""

from __future__ import annotations

import unicodedata

from netspec.source.text import Span, printable

MAX_LINE_SHOWN = 120


def excerpt(span: Span) -> list[str]:
    """The source line and a line of carets under the span; empty when the text has no such line.

    A long line is cut around the caret, a tab stays a tab, and a wide character gets two carets, so
    that the carets stand under the text in any terminal.
    """
    lines = span.source.lines
    if not 1 <= span.line <= len(lines):
        return []
    text = lines[span.line - 1]
    begin = min(span.column - 1, len(text))
    end = min(span.end_column - 1, len(text)) if span.end_line == span.line else len(text.rstrip())
    end = max(end, begin)
    left = max(0, begin - MAX_LINE_SHOWN // 2) if len(text) > MAX_LINE_SHOWN else 0
    right = min(len(text), left + MAX_LINE_SHOWN)
    shown = ("…" if left else "") + text[left:right] + ("…" if right < len(text) else "")
    lead = (" " if left else "") + "".join("\t" if c == "\t" else " " * _width(c) for c in text[left:begin])
    carets = "^" * max(1, sum(_width(c) for c in text[begin : min(end, right)]))
    number = str(span.line)
    return [f"  {number} | {printable(shown)}", f"  {' ' * len(number)} | {lead}{carets}"]


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
