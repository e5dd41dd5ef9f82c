"""Problems as GitHub's workflow commands, which a code review shows at the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netspec.report.problems import Checked
from netspec.source.errors import Problem


def render(checked: Iterable[Checked]) -> Iterator[str]:
    for file in checked:
        yield from (command(problem, level) for problem, level in file.problems())


def command(problem: Problem, level: str) -> str:
    """`::error file=…,line=…::message`."""
    text = "\n".join(part for part in (problem.message, problem.route_shown(), problem.hint) if part)
    fields = {"title": problem.code}
    if problem.span:
        s = problem.span
        fields = {
            "file": s.source.name,
            "line": str(s.line),
            "endLine": str(s.end_line),
            "col": str(s.column),
            "endColumn": str(s.end_column),
            **fields,
        }
    elif problem.name:
        fields = {"file": problem.name, **fields}
    listed = ",".join(f"{k}={_escaped(v).replace(':', '%3A').replace(',', '%2C')}" for k, v in fields.items())
    return f"::{level} {listed}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
