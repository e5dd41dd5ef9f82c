"""What can be done about a problem: the word that its help would put there, or the key that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol.types import CodeAction, CodeActionKind, CodeActionParams, Range, TextEdit

from netspec.lsp.buffers import OpenFile, real
from netspec.lsp.diagnostics import diagnostic
from netspec.lsp.session import Session
from netspec.source.errors import Hint, Problem

MISSING = "NS204"


def actions(session: Session, buffer: OpenFile, params: CodeActionParams) -> list[CodeAction]:
    """Quick fixes for the problems in a range, as the text was checked last."""
    only = params.context.only
    if only and not any(CodeActionKind.QuickFix.startswith(kind) for kind in only):
        return []
    path, text = real(buffer.path), buffer.source.text
    spans = session.spans()
    lines = spans.lines(buffer.source)
    offered: dict[tuple[str, int], CodeAction] = {}
    for checkup in session.checkups.values():
        for problem, level in checkup.problems:
            span = problem.span
            if span is None or span.source.text != text or real(Path(span.source.name)) != path:
                continue
            problem_range = lines.range(span)
            if not _touch(problem_range, params.range):
                continue
            start, end = lines.offset(span.line, span.column), lines.offset(span.end_line, span.end_column)
            for title, first, last, new in _fixes(problem, text, start, end):
                edit = TextEdit(Range(lines.position(first), lines.position(last)), new)
                offered[title, first] = CodeAction(
                    title,
                    kind=CodeActionKind.QuickFix,
                    diagnostics=[diagnostic(problem, level, spans)],
                    is_preferred=True,
                    edit=session.workspace_edit({path: [edit]}),
                )
    return list(offered.values())


def _touch(a: Range, b: Range) -> bool:
    return (a.start.line, a.start.character) <= (b.end.line, b.end.character) and (
        b.start.line,
        b.start.character,
    ) <= (a.end.line, a.end.character)


def _fixes(problem: Problem, text: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    """A title, the part of the text to replace, and by what."""
    hint = problem.hint
    if isinstance(hint, Hint) and not hint.new:
        yield from _left_out(hint.old, text, start, end)
    elif isinstance(hint, Hint):
        matches = list(re.finditer(rf"(?<![\w$]){re.escape(hint.old)}(?!\w)", text[start:end]))
        if len(matches) == 1:
            first = start + matches[0].start()
            yield f"Replace `{hint.old}` by `{hint.new}`", first, first + len(hint.old), hint.new
    elif problem.code == MISSING and len(problem.key) == 1:
        yield from _missing(problem.key[0], text, start, end)


def _missing(key: str, text: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    """Put in a key, its value left to the writer."""
    title, entry = f"Add `{key}`", text[start:end]
    if entry.startswith("{") and entry.endswith("}"):
        inside = entry[1:-1].rstrip().removesuffix(",")
        yield title, start + 1, end - 1, f"{inside}, {key}: " if inside.strip() else f"{key}: "
    elif match := re.match(r":[ \t]*(#.*)?\r?\n((?:[ \t]*(?:#.*)?\r?\n)*)([ ]+)(?=\S)", text[end:]):
        indent = match[3]  # of the first entry below the name
        at = end + match.end() - len(indent)
        newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
        yield title, at, at, f"{indent}{key}: {newline}"
    elif text[:start].rstrip(" ").endswith(":") and re.fullmatch(r"\w+", entry):  # `fc: linear`
        yield title, start, end, f"{{type: {entry}, {key}: }}"


def _left_out(key: str, text: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    """Take an entry out whose value stands on its line."""
    title = f"Remove `{key}`"
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip():
        below = text.find("\n", end) + 1 or len(text)
        following = re.match(r"[ ]*(?=\S)", text[below:])
        if following is None or len(following[0]) <= start - line:
            yield title, line, below, ""
        return
    value = re.match(r"\s*:\s*(\"[^\"\n]*\"|'[^'\n]*'|\[[^][{}\n]*\]|[^][{},\n]*)", text[end:])
    if value is None:
        return
    end += value.end()
    if after := re.match(r",\s*", text[end:]):
        yield title, start, end + after.end(), ""
    elif text.startswith("}", end):
        yield title, len(text[:start].rstrip().removesuffix(",")), end, ""
