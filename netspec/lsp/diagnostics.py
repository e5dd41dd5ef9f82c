"""Problems as the protocol has them: each in the file where it is, with its code, related places and help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lsprotocol.types import (
    Diagnostic,
    DiagnosticRelatedInformation,
    DiagnosticSeverity,
    DiagnosticTag,
    Location,
    Position,
    Range,
)

from netspec.lsp.check import Checkup
from netspec.lsp.lines import TextLines
from netspec.source.errors import Problem, Related
from netspec.source.text import Source, Span, printable

SEVERITY = {"error": DiagnosticSeverity.Error, "warning": DiagnosticSeverity.Warning}
_UNUSED = "NS312"


class Spans:
    """Ranges of spans, whatever text they are in; the lines of a text are found once."""

    def __init__(self, encoding: str, uri_of: Callable[[Path], str]) -> None:
        self.encoding, self.uri_of = encoding, uri_of
        self._lines: dict[Source, TextLines] = {}

    def lines(self, source: Source) -> TextLines:
        if source not in self._lines:
            self._lines[source] = TextLines(source.text, self.encoding)
        return self._lines[source]

    def range(self, span: Span) -> Range:
        return self.lines(span.source).range(span)

    def location(self, span: Span) -> Location:
        return Location(self.uri_of(Path(span.source.name)), self.range(span))


def diagnostics(checkup: Checkup, spans: Spans) -> dict[str, list[Diagnostic]]:
    """URI -> its diagnostics.  What is wrong in another file stands there, and where this file names it."""
    root = spans.uri_of(Path(checkup.source.name))
    by_uri: dict[str, list[Diagnostic]] = {root: []}
    for problem, level in checkup.problems:
        uri = spans.uri_of(Path(problem.span.source.name)) if problem.span else root
        by_uri.setdefault(uri, []).append(diagnostic(problem, level, spans))
    return by_uri


def diagnostic(problem: Problem, level: str, spans: Spans) -> Diagnostic:
    range_ = spans.range(problem.span) if problem.span else Range(Position(0, 0), Position(0, 1))
    return Diagnostic(
        range=range_,
        message=message_of(problem),
        severity=SEVERITY[level],
        code=problem.code,
        source="netspec",
        tags=[DiagnosticTag.Unnecessary] if problem.code == _UNUSED else None,
        related_information=[
            DiagnosticRelatedInformation(spans.location(r.span), _related(r)) for r in problem.related if r.span
        ]
        or None,
    )


def message_of(problem: Problem) -> str:
    """The message, what is related but nowhere in a text, the route, and the help."""
    lines = [problem.message, *(f"  {_related(r)}" for r in problem.related if r.span is None)]
    lines += [f"  {route}"] if (route := problem.route_shown()) else []
    lines += [f"  help: {problem.hint}"] if problem.hint else []
    return "\n".join(printable(line.replace("\n", "⏎")) for line in lines)


def _related(related: Related) -> str:
    return printable("  ".join(part for part in (related.label, related.text, related.route) if part))
