"""Problems for the three readers of `validate`: a person, a program, a code review."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from netspec.source.errors import Problem
from netspec.source.text import Span

_HEAD = re.compile(r"^(.*?)(NS\d{3})( .*)$", re.DOTALL)


def coloured(text: str) -> str:
    """A rendered problem with the colours of a terminal."""
    out = []
    for i, line in enumerate(text.split("\n")):
        head = _HEAD.match(line) if i == 0 else None
        if head:
            out.append(f"\x1b[1m{head[1]}\x1b[31m{head[2]}\x1b[39m{head[3]}\x1b[0m")
        elif line.strip(" \t|^") == "" and "^" in line:
            out.append(line.replace("^", "\x1b[31m^", 1) + "\x1b[0m")
        elif line.startswith("  help:"):
            out.append(f"  \x1b[36mhelp:\x1b[0m{line[7:]}")
        else:
            out.append(line)
    return "\n".join(out)


def as_data(problem: Problem, level: str = "error") -> dict[str, Any]:
    """One problem for a program."""
    return {
        "level": level,
        "code": problem.code,
        "message": problem.message,
        **_place(problem.span, problem.name),
        "hint": problem.hint,
        "route": problem.route,
        "times": problem.times,
        "related": [
            {"label": r.label, "text": r.text, "route": r.route, **_place(r.span, "")} for r in problem.related
        ],
    }


def _place(span: Span | None, name: str) -> dict[str, Any]:
    if span is None:
        return {"file": name or None}
    return {"file": span.source.name, "line": span.line, "column": span.column,
            "end_line": span.end_line, "end_column": span.end_column}  # fmt: skip


def as_json(found: Iterable[tuple[Problem, str]]) -> str:
    """All problems with their level."""
    return json.dumps([as_data(p, level) for p, level in found], indent=2, ensure_ascii=False)


def as_github(found: Iterable[tuple[Problem, str]]) -> str:
    """Workflow commands, which a code review shows at the line."""
    return "\n".join(_command(p, level) for p, level in found)


def _command(problem: Problem, level: str) -> str:
    text = "\n".join(part for part in (problem.message, problem.way(), problem.hint) if part)
    fields = {"title": problem.code}
    if problem.span:
        s = problem.span
        fields = {"file": s.source.name, "line": str(s.line), "endLine": str(s.end_line), "col": str(s.column),
                  "endColumn": str(s.end_column), **fields}  # fmt: skip
    elif problem.name:
        fields = {"file": problem.name, **fields}
    listed = ",".join(f"{k}={_escaped(v).replace(':', '%3A').replace(',', '%2C')}" for k, v in fields.items())
    return f"::{level} {listed}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
