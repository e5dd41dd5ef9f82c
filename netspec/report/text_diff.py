"""Two texts as the unified diff that `patch` and `git apply` read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

_COLOURS = {"---": "1", "+++": "1", "@@ ": "36"}
_SIGNS = {"-": "31", "+": "32"}
_NO_END = "\\ No newline at end of file"


def text_diff(before: str, after: str, name: str, *, colour: bool = False) -> str:
    """The lines that differ, three around each; empty where none does."""
    return "\n".join(_coloured(line) if colour else line for line in _lines(before, after, name))


def _lines(before: str, after: str, name: str) -> Iterator[str]:
    texts = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    for i, line in enumerate(difflib.unified_diff(*texts, f"a/{name}", f"b/{name}")):
        yield line.removesuffix("\n")
        if i > 1 and not line.endswith("\n"):
            yield _NO_END


def _coloured(line: str) -> str:
    code = _COLOURS.get(line[:3]) or _SIGNS.get(line[:1])
    return f"\x1b[{code}m{line}\x1b[0m" if code else line
