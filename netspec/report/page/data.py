"""What a page shows, in JSON's types: bodies and layers once each, however often they stand in the network.

`code/data.js` has the same as types.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netspec.frontend.containers import CONTAINERS
from netspec.graph.cost import Cost, total
from netspec.graph.model import Graph
from netspec.layers import kinds
from netspec.report.numbers import byte_size, count, short
from netspec.report.picture.captions import changed_caption, former_name, resized
from netspec.report.picture.layers import network_tree
from netspec.report.picture.tree import DrawnLayer, Facts, Interior, LineRange, Unit
from netspec.shapes.dim import Dim, Size
from netspec.source.text import Source

FORMAT_VERSION = 1
SYMBOLIC = 128  # what a named axis counts as where boxes are compared by cost
MOST_LINES = 40  # of one layer's text


def network_data(graph: Graph) -> dict[str, Any]:
    """The page of one network."""
    return page_data([network_page(network_tree(graph), graph, {}, sources_of(graph), name=graph.name or "network")])


def page_data(networks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "networks": list(networks)}


def network_page(
    body: Interior, graph: Graph, before: Mapping[str, Source], after: Mapping[str, Source], *, name: str
) -> dict[str, Any]:
    """A picture with all that is told of its boxes.

    Totals are the graph's; `before` and `after` are the texts that layers stand in, by their names.
    """
    tables = _Tables({"before": before, "after": after})
    root = tables.body(body)
    cost = total(graph)
    symbolic = sorted({s for t in graph.inputs.values() for s in t.symbols()} - {"B"})
    return {
        "name": name,
        "path": "",
        "before": "",
        "after": "",
        "description": graph.description,
        "figures": [
            ["parameters", count(cost.params)],
            ["FLOPs", short(cost.flops)],
            ["activations", byte_size(cost.activations)],
        ],
        "sizes": f"heat counts {', '.join(symbolic)} as {SYMBOLIC}" if symbolic else "",
        "bodies": tables.bodies,
        "root": root,
        "leaves": tables.leaves,
        "kinds": tables.kinds,
        "text": tables.text,
        "review": None,
    }


def sources_of(graph: Graph) -> dict[str, Source]:
    """The texts that a network's layers stand in, by their names."""
    return {node.span.source.name: node.span.source for node in graph.nodes() if node.span}


class _Tables:
    """The parts of the page so far, and the numbers of those that are there."""

    def __init__(self, sources: Mapping[str, Mapping[str, Source]]) -> None:
        self.sources = sources  # by side and name
        self.bodies: list[dict[str, Any]] = []
        self.leaves: list[dict[str, Any]] = []
        self.kinds: dict[str, str] = {}
        self.text: dict[str, dict[str, dict[str, str]]] = {"before": {}, "after": {}}
        self._numbers: dict[Interior | DrawnLayer, int] = {}

    def body(self, body: Interior) -> int:
        if body not in self._numbers:
            units = [self._unit(unit) for unit in body.units]
            links = [
                [*link.source, *link.target, resized(link.shape, link.old_shape), link.status] for link in body.links
            ]
            self.bodies.append({"units": units, "links": links})
            self._numbers[body] = len(self.bodies) - 1
        return self._numbers[body]

    def _unit(self, unit: Unit) -> dict[str, Any]:
        self._note_kind(unit.kind)
        old_name = unit.old_name
        if isinstance(unit.inside, DrawnLayer):
            old_name = old_name or unit.inside.old_name
            facts = unit.inside.facts
            ends = facts.kind in ("input", "output")
            inside = {"leaf": self._leaf(unit.inside)}
            words = _end_caption(unit.inside) if ends else changed_caption(unit.inside, unit.label)
        else:
            inside, words = {"body": self.body(unit.inside)}, unit.kind
        return {
            "names": list(unit.names),
            "label": unit.label,
            "kind": unit.kind,
            "caption": " · ".join(filter(None, (words, former_name(old_name)))),
            "old_name": unit.old_name,
            "status": unit.status,
            **inside,
            **_cost(unit.cost),
        }

    def _leaf(self, leaf: DrawnLayer) -> int:
        if leaf not in self._numbers:
            self.leaves.append(
                {
                    "before": self._facts(leaf.before, "before"),
                    "after": self._facts(leaf.after, "after"),
                    "status": leaf.status,
                    "old_name": leaf.old_name,
                    "changes": [list(change) for change in leaf.changes],
                }
            )
            self._numbers[leaf] = len(self.leaves) - 1
        return self._numbers[leaf]

    def _facts(self, facts: Facts | None, side: str) -> dict[str, Any] | None:
        if facts is None:
            return None
        self._note_kind(facts.kind)
        if facts.lines:
            self._note_lines(facts.lines, side)
        return {
            "kind": facts.kind,
            "fields": [list(field) for field in facts.fields],
            "inputs": list(facts.inputs),
            "outputs": [list(output) for output in facts.outputs],
            "weights": [list(weight) for weight in facts.weights],
            "lines": [facts.lines.file, facts.lines.first, facts.lines.last] if facts.lines else None,
            "equations": list(facts.equations),
            **_cost(facts.cost),
        }

    def _note_kind(self, kind: str) -> None:
        cls = kinds().get(kind) or CONTAINERS.get(kind)
        if cls is not None and kind not in self.kinds:
            self.kinds[kind] = equation_of(cls)

    def _note_lines(self, lines: LineRange, side: str) -> None:
        source = self.sources[side].get(lines.file)
        if source is not None:
            shown = self.text[side].setdefault(lines.file, {})
            last = min(lines.last, lines.first + MOST_LINES - 1)
            for number, line in _numbered(source, range(lines.first, last + 1)):
                shown[str(number)] = line


def _end_caption(end: DrawnLayer) -> str:
    """The shape of an input or output of the network."""
    [(_, shape)] = end.facts.outputs
    return resized(shape, end.before.outputs[0][1] if end.before else "")


def _numbered(source: Source, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    return ((number, source.lines[number - 1]) for number in numbers if 0 < number <= len(source.lines))


def equation_of(cls: type) -> str:
    """What a kind computes: its docstring's first paragraph, with the equations set off below it."""
    first, *rest = (inspect.getdoc(cls) or "").split("\n\n")
    set_off = [part for part in rest[:1] if part.startswith("    ")]
    return "\n".join([" ".join(first.split()), *(inspect.cleandoc(part) for part in set_off)]).replace("`", "")


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "params": cost.params,
        "flops": _number(cost.flops),
        "flops_text": count(cost.flops),
        "memory": _number(cost.activations),
        "memory_text": byte_size(cost.activations),
    }


def _number(size: Size) -> int:
    if not isinstance(size, Dim):
        return size
    number = size.at(dict.fromkeys(size.names(), SYMBOLIC))
    assert isinstance(number, int)  # every name has a number
    return number
