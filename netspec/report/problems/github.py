"""Problems as GitHub's workflow commands, which a code review shows at the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netspec.report.problems import Checked
from netspec.source.errors import Problem


def render(checked: Iterable[Checked]) -> Iterator[str]:
    for file in checked:
        yield from (command(problem, level) for problem, level in file.problems())


def command(problem: Problem, level: str) -> str:
    """`::error file=…,line=…::message`."""
    return annotation(level, problem_fields(problem), problem_text(problem))


def problem_text(problem: Problem) -> str:
    return "\n".join(part for part in (problem.message, problem.route_shown(), problem.hint) if part)


def problem_fields(problem: Problem) -> dict[str, str]:
    """Where a problem is, and its code."""
    fields = {"title": problem.code}
    if problem.span:
        s = problem.span
        return {
            "file": s.source.name,
            "line": str(s.line),
            "endLine": str(s.end_line),
            "col": str(s.column),
            "endColumn": str(s.end_column),
            **fields,
        }
    return {"file": problem.name, **fields} if problem.name else fields


def annotation(level: str, fields: Mapping[str, str], text: str) -> str:
    """A workflow command, on one line whatever is in it."""
    listed = ",".join(f"{k}={_escaped(v).replace(':', '%3A').replace(',', '%2C')}" for k, v in fields.items())
    return f"::{level} {listed}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
