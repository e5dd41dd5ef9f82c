"""A network in Graphviz's language: containers as clusters."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.graph.model import Graph
from netspec.report.numbers import short
from netspec.report.picture.captions import caption
from netspec.report.picture.columns import fitting
from netspec.report.picture.layers import network_tree
from netspec.report.picture.tree import BORDER, DrawnLayer, End, Interior, Link, Unit
from netspec.source.text import printable


def render(graph: Graph, depth: int | None = None) -> Iterator[str]:
    """`depth`: how far containers are open."""
    body = network_tree(graph)
    open_to = fitting(body)[1] if depth is None else depth
    lines = [
        f"digraph {_quoted(graph.name or 'network')} {{",
        '  graph [compound=true, fontname="Helvetica", fontsize=10, ranksep=0.3, nodesep=0.25];',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica", fontsize=10, height=0.3];',
        '  edge [fontname="Helvetica", fontsize=8, arrowsize=0.6];',
        *_Dot(open_to).body(body, "n", "  "),
        "}",
    ]
    yield "\n".join(lines)


class _Dot:
    def __init__(self, depth: int) -> None:
        self.depth = depth

    def body(self, body: Interior, path: str, indent: str) -> Iterator[str]:
        for number, unit in enumerate(body.units):
            yield from self._unit(unit, f"{path}_{number}", indent)
        for link in body.links:
            if BORDER not in (link.source.unit, link.target.unit):
                yield f"{indent}{self._wire(body, path, link)}"

    def _unit(self, unit: Unit, path: str, indent: str) -> Iterator[str]:
        label = f"{unit.label} ×{unit.copies}" if unit.copies > 1 else unit.label
        figure = f"\n{short(unit.cost.params)} parameters" if unit.cost.params else ""
        if isinstance(unit.inside, DrawnLayer):
            facts = unit.inside.facts
            ends = facts.kind in ("input", "output")
            words = "" if ends else caption(facts, unit.label)
            shape = ", shape=oval" if ends else ', fillcolor="#e3edf9"' if facts.weights else ""
            text = "\n".join(part for part in (label, words) if part) + figure
            yield f"{indent}{path} [label={_quoted(text)}{shape}];"
        elif not self._is_open(path):
            text = "\n".join((label, unit.kind)) + figure
            yield f'{indent}{path} [label={_quoted(text)}, fillcolor="#f4f6f8"];'
        else:
            yield f"{indent}subgraph cluster_{path} {{"
            yield f'{indent}  label={_quoted(f"{label} {unit.kind}")}; style="rounded,filled"; fillcolor="#f7f8fa";'
            yield from self.body(unit.inside, path, indent + "  ")
            yield f"{indent}}}"

    def _is_open(self, path: str) -> bool:
        return path.count("_") <= self.depth

    def _wire(self, body: Interior, path: str, link: Link) -> str:
        """Wires go between layers; Graphviz cuts none at the border of an open cluster."""
        source = self._end(body, path, link.source, leaving=True)
        target = self._end(body, path, link.target, leaving=False)
        return f"{source} -> {target} [label={_quoted(link.shape)}];"

    def _end(self, body: Interior, path: str, end: End, *, leaving: bool) -> str:
        unit, path = body.units[end.unit], f"{path}_{end.unit}"
        if isinstance(unit.inside, DrawnLayer) or not self._is_open(path):
            return path
        border = End(BORDER, end.slot)
        inner = next(
            (link.source if leaving else link.target)
            for link in unit.inside.links
            if (link.target if leaving else link.source) == border
        )
        return self._end(unit.inside, path, inner, leaving=leaving) if inner.unit != BORDER else path


def _quoted(text: str) -> str:
    clean = "\n".join(printable(line) for line in text.split("\n"))
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
