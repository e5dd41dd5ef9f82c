"""From an expanded document to a graph: shapes inferred along the way, containers brought together, budget held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

from netspec.frontend.calls import Call, Expansion, Join, lost
from netspec.frontend.check import CheckedDocument, check
from netspec.frontend.document import Document
from netspec.frontend.expand import expand
from netspec.graph.budget import LARGE, check_budget, read_budget, warn_large
from netspec.graph.infer import infer
from netspec.graph.inputs import read_inputs
from netspec.graph.join import calls_of
from netspec.graph.model import Budget, Graph, Input, Node, Ref, Scope
from netspec.graph.report import Report
from netspec.graph.shares import check_inits, check_share, inits_of
from netspec.graph.unused import warn_unused
from netspec.graph.wires import type_on
from netspec.shapes.dim import Dim
from netspec.shapes.lengths import Condition, Needs, lengths_of
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Problem, Problems, Related, raise_all
from netspec.source.tree import Map

G = TypeVar("G", bound=Graph)


@dataclass(frozen=True)
class CheckedNetwork:
    """The sections of a document that describe its network, checked and not yet expanded."""

    layers: CheckedDocument
    inputs: dict[str, TensorType]
    budget: Budget


def read_network(document: Document, problems: Problems) -> CheckedNetwork:
    """The first stage: layers, blocks, cells, inputs and budget.  Reports NS2xx and NS30x."""
    layers = check(document, problems)
    inputs = read_inputs(document, problems)
    budget = document.section("budget")
    return CheckedNetwork(layers, inputs, read_budget(budget, problems) if budget else Budget())


def build(network: CheckedNetwork, graph: G, *, hold_budget: bool = True) -> G:
    """Build a network in an empty graph.  Raises NS3xx or NS4xx, whole stages at a time."""
    document, graph.inputs, graph.budget = network.layers.document, network.inputs, network.budget
    graph.name = document.text("name") or Path(document.source.name).stem.strip("<>")
    graph.description, graph.source = document.text("description"), document.text("source")
    graph.write_resolved = document.resolved
    section, budget = document.section("inputs"), document.section("budget")
    assert section is not None  # document.py refused a file without
    expansion = expand(network.layers, {name: section.key_span(name) for name in graph.inputs})
    raise_all(expansion.problems)
    Builder(graph, expansion).run(section)
    if budget is not None and hold_budget:
        check_budget(graph, budget)
    return graph


class Builder:
    """Puts the layers of an expansion into a graph, one after the other."""

    def __init__(self, graph: Graph, expansion: Expansion) -> None:
        self.graph, self.expansion = graph, expansion
        self.report = Report()
        self.elements = 0  # of all weights that are not shared
        self.planned = {item.site.name for item in expansion.items}
        self.needs: Needs = {}  # of named axes

    def run(self, inputs: Map) -> None:
        """Raises NS308, NS311, NS4xx, and NS313 for what was lost."""
        graph = self.graph
        for name, type_ in graph.inputs.items():
            graph.add(Node(name, Input(), (), {"": type_}, inputs.key_span(name)))
        graph.scopes = {path: Scope(path, kind) for path, kind in self.expansion.scopes.items()}
        for item in self.expansion.items:
            if isinstance(item, Call):
                self.add(item)
            else:
                self.join(item)
        for name, wire in self.expansion.outputs.items():
            try:
                if type_on(graph, wire) is not None and wire is not None:
                    graph.outputs[name] = Ref(wire.node, wire.port)
            except NetspecError as error:
                self.report.add(error, wire.span if wire else None)
        raise_all(self.report.problems)
        raise_all(list(self.lost()))
        graph.lengths = lengths_of(self.needs)
        if clash := graph.lengths.clash():
            raise _clash_error(graph, *clash)
        warn_unused(graph)
        if self.elements > LARGE:
            warn_large(graph)

    def add(self, call: Call) -> None:
        """Add one layer, unless one of its inputs is already reported or its shapes do not fit."""
        site = call.site
        try:
            inferred = infer(self.graph, call)
        except NetspecError as error:
            self.report.add(error, site.span, site.route)
            return
        if inferred is None:
            return
        for size, least in inferred.needs:
            if isinstance(size, Dim):
                self.needs.setdefault((size, least), site.name)
        weights, inherited = inferred.weights, call.inherited
        check_inits(call, weights, self.report)
        check_share(self.graph, call, weights, self.planned, self.report)
        share = inherited.share if weights else ""
        self.elements += 0 if share else sum(map(prod, weights.values()))
        self.graph.add(
            Node(
                name=site.name,
                layer=call.layer,
                inputs=tuple(Ref(wire.node, wire.port) for wire in call.wires if wire),
                outputs=inferred.outputs,
                span=site.span,
                route=site.route,
                scope=site.scope,
                share=share,
                init=inits_of(call, weights),
                freeze=inherited.freeze,
            )
        )

    def join(self, join: Join) -> None:
        """The layers that bring a container together: shortcut, gate, and the merge under the container's name."""
        try:
            calls = calls_of(self.graph, join)
        except NetspecError as error:
            self.report.add(error, join.site.span, join.site.route)
            return
        for call in calls:
            self.graph.scopes.setdefault(call.site.scope, Scope(call.site.scope, "sequence"))
            self.add(call)

    def lost(self) -> Iterator[Problem]:
        """What of the expansion is not in the graph though nothing was reported."""
        for item in self.expansion.items:
            if item.site.name not in self.graph:
                yield lost(item.site.name, item.site.span, item.site.route)
        for name, wire in self.expansion.outputs.items():
            if name not in self.graph.outputs:
                yield lost(f"output {name}", wire.span if wire else None)


def _clash_error(graph: Graph, low: Condition, high: Condition) -> NetspecError:
    """A named axis that is too short for one layer or too long for another, whatever it is: NS403."""
    order = [node.name for node in graph.nodes()]
    [name] = low.size.names()
    node = graph[max(low.by, high.by, key=order.index)]
    related = tuple(Related(c.by, str(c), graph[c.by].span, graph[c.by].route) for c in (low, high))
    hint = f"give `{name}` a number in `inputs` to see what each layer leaves of it"
    error = NetspecError("NS403", f"no length of `{name}` fits all layers", hint=hint, related=related)
    return error.located(node.span, node.route)
