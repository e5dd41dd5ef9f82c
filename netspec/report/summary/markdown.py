"""The table as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.graph.model import Graph
from netspec.report.summary import COLUMNS, NOTE, row_text, rows, totals


def render(graph: Graph) -> Iterator[str]:
    out = [f"### {graph.name}", ""] + ([graph.description, ""] if graph.description else [])
    out.append("| " + " | ".join(COLUMNS) + " |")
    out.append("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    out += ["| " + " | ".join(row_text(row)) + " |" for row in rows(graph)]
    out += ["", *(f"- {name}: {text}" for name, text in totals(graph)), "", NOTE]
    yield "\n".join(out)
