"""Problems for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from netspec.report.problems import Checked
from netspec.source.errors import Problem
from netspec.source.text import Span


def render(checked: Iterable[Checked]) -> Iterator[str]:
    problems = [as_data(problem, level) for file in checked for problem, level in file.problems()]
    yield json.dumps(problems, indent=2, ensure_ascii=False)


def as_data(problem: Problem, level: str = "error") -> dict[str, Any]:
    """One problem; a place without a position has the file alone."""
    return {
        "level": level,
        "code": problem.code,
        "message": problem.message,
        **_position(problem.span, problem.name),
        "hint": problem.hint,
        "route": problem.route,
        "times": problem.times,
        "related": [
            {"label": r.label, "text": r.text, "route": r.route, **_position(r.span, "")} for r in problem.related
        ],
    }


def _position(span: Span | None, name: str) -> dict[str, Any]:
    if span is None:
        return {"file": name or None}
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
