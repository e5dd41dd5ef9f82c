"""Formatting, as `netspec fmt` does it."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol.types import DocumentFormattingParams, Range, TextEdit

from netspec.frontend.fmt.canonical import formatted
from netspec.lsp.buffers import OpenFile
from netspec.lsp.session import Session
from netspec.source.errors import NetspecError


def formatting(session: Session, buffer: OpenFile, _: DocumentFormattingParams) -> list[TextEdit]:
    """One edit from the first line that changes to the last; none of a text that is no netspec file."""
    old = buffer.source.text
    try:
        new = formatted(buffer.source)
    except NetspecError:
        return []
    if new == old:
        return []
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    head = _same(before, after)
    tail = _same(before[head:][::-1], after[head:][::-1])
    lines = session.spans().lines(buffer.source)
    start, end = (len("".join(part)) for part in (before[:head], before[: len(before) - tail]))
    changed = Range(lines.position(start), lines.position(end))
    return [TextEdit(changed, "".join(after[head : len(after) - tail]))]


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    pairs = zip(before, after, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(before), len(after)))
