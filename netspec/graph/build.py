"""From an expanded document to a graph: shapes inferred along the way, containers brought together, budget held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import TypeVar

from netspec.frontend.calls import Call, Expansion, Inherited, Join, lost
from netspec.frontend.check import Checked, check
from netspec.frontend.document import Document
from netspec.frontend.expand import expand
from netspec.frontend.names import Wire
from netspec.graph.budget import LARGE, check_budget, read_budget, warn_large
from netspec.graph.inputs import MAX_RANK, read_inputs
from netspec.graph.join import Part, parts_of
from netspec.graph.model import Budget, Graph, Input, Node, Ref, Scope
from netspec.graph.reading import follow
from netspec.layers.base import Layer, Wired
from netspec.layers.init import Init, check_init
from netspec.shapes.dim import Dim
from netspec.shapes.lengths import Condition, Needs, lengths_of
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Problem, Problems, Related, note, raise_all
from netspec.source.records import MAX_SIZE
from netspec.source.text import Span
from netspec.source.tree import Map, Tree

MAX_LENGTH = 100  # names and divisions in one symbolic size
G = TypeVar("G", bound=Graph)


@dataclass(frozen=True)
class CheckedNetwork:
    """The sections of a document that describe its network, checked and not yet expanded."""

    layers: Checked
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
    _Builder(graph, expansion).run(section)
    if budget is not None and hold_budget:
        check_budget(graph, budget)
    return graph


class _Builder:
    def __init__(self, graph: Graph, expansion: Expansion) -> None:
        self.graph, self.expansion = graph, expansion
        self.problems = Problems()
        self.elements = 0  # of all weights that are not shared
        self.planned = {item.place.name for item in expansion.items}
        self.needs: Needs = {}  # of named axes
        self.seen: dict[tuple[str, Span | None], int] = {}  # a block's problem once, with the number of instances

    def run(self, inputs: Map) -> None:
        graph = self.graph
        for name, type_ in graph.inputs.items():
            graph.add(Node(name, Input(), (), {"": type_}, inputs.key_span(name)))
        graph.scopes = {path: Scope(path, kind) for path, kind in self.expansion.scopes.items()}
        for item in self.expansion.items:
            if isinstance(item, Call):
                self.call(item)
            else:
                self.join(item)
        for name, wire in self.expansion.outputs.items():
            try:
                if self.type(wire) is not None and wire is not None:
                    graph.outputs[name] = Ref(wire.node, wire.port)
            except NetspecError as error:
                self.report(error, wire.span if wire else None, "")
        raise_all(self.problems)
        raise_all(list(self.lost()))
        graph.lengths = lengths_of(self.needs)
        if clash := graph.lengths.clash():
            self.report_clash(*clash)
            raise_all(self.problems)
        self.warn_unused()
        if self.elements > LARGE:
            warn_large(self.graph)

    def lost(self) -> Iterator[Problem]:
        """What of the expansion is not in the graph though nothing was reported."""
        for item in self.expansion.items:
            if item.place.name not in self.graph:
                yield lost(item.place.name, item.place.span, item.place.route)
        for name, wire in self.expansion.outputs.items():
            if name not in self.graph.outputs:
                yield lost(f"output {name}", wire.span if wire else None)

    def report_clash(self, low: Condition, high: Condition) -> None:
        """A named axis that is too short for one layer or too long for another, whatever it is: NS403."""
        graph, order = self.graph, [node.name for node in self.graph.nodes()]
        [name] = low.size.names()
        node = graph[max(low.by, high.by, key=order.index)]
        related = tuple(Related(c.by, str(c), graph[c.by].span, graph[c.by].route) for c in (low, high))
        hint = f"give `{name}` a number in `inputs` to see what each layer leaves of it"
        self.report(NetspecError("NS403", f"no length of `{name}` fits all layers", hint=hint, related=related),
                    node.span, node.route)  # fmt: skip

    def report(self, error: NetspecError, span: Span | None, route: str) -> None:
        for problem in error.located(span, route).problems:
            note(self.problems, self.seen, problem)

    def type(self, wire: Wire | None) -> TensorType | None:
        """The type of a wire; None when what makes it is already reported."""
        if wire is None or wire.node not in self.graph:
            return None
        outputs = self.graph[wire.node].outputs
        if wire.port in outputs:
            return outputs[wire.port]
        ports = ", ".join(f"`{wire.label.removesuffix('.' + wire.port)}.{p}`" for p in outputs if p)
        text = (
            f"`{wire.label}` gives several tensors" if not wire.port else f"`{wire.node}` has no output `{wire.port}`"
        )
        raise NetspecError(
            "NS308",
            text,
            wire.ref,
            hint=f"name one of {ports}" if ports else "it has a single output: leave the port out",
        )

    def call(self, call: Call) -> None:
        place = call.place
        self.put(
            place.name,
            place.scope,
            call.layer,
            call.wires,
            place.span,
            place.route,
            call.own_init,
            call.inherited,
            call.init_tree,
            call.ports,
        )

    def put(
        self,
        name: str,
        scope: str,
        layer: Layer,
        wires: Sequence[Wire | None],
        span: Span,
        route: str,
        own_init: Mapping[str, Init],
        inherited: Inherited,
        init_tree: Tree | None = None,
        ports: Sequence[str] = (),
    ) -> None:
        """Add one layer, unless one of its inputs is already reported or its shapes do not fit."""
        try:
            types = [self.type(w) for w in wires]
        except NetspecError as error:
            self.report(error, span, route)
            return
        known = [t for t in types if t is not None]
        if len(known) < len(types):
            return
        try:
            layer.check_wired(tuple(self.wired(w, t, ports[i] if i < len(ports) else "")
                                    for i, (w, t) in enumerate(zip(wires, known, strict=True)) if w))  # fmt: skip
            if layer.floating and (odd := next((t for t in known if not t.floating), None)):
                raise NetspecError(
                    "NS405",
                    f"{layer.kind} expects floating numbers, received {odd} of {odd.dtype}",
                    hint="whole numbers are for `embedding`; set `dtype` in `inputs`",
                )
            out = layer.infer(*known)
            outputs = out if isinstance(out, dict) else {"": out}
            check_sizes(layer.kind, outputs.values())
            weights = {k: w.shape for k, w in layer.weights(*known).items()}
            needs = [*layer.needs(*known), *((size, 1) for t in outputs.values() for size in t.shape[1:])]
        except NetspecError as error:
            related = tuple(_related(w, t) for w, t in zip(wires, known, strict=True) if w)
            problems = [replace(p, related=p.related or related) for p in error.problems]
            self.report(NetspecError.of(problems), span, route)
            return
        owner = f"{layer.kind} `{name.rpartition('.')[2]}`"
        for size, least in needs:
            if isinstance(size, Dim):
                self.needs.setdefault((size, least), name)
        self.check_init(own_init, init_tree, layer, weights, owner, span, route)
        self.check_share(inherited, name, weights, span, route)
        init = {**_fitting(inherited.init, own_init, layer, weights), **own_init}
        share = inherited.share if weights else ""
        self.elements += 0 if share else sum(map(prod, weights.values()))
        refs = tuple(Ref(w.node, w.port) for w in wires if w)
        self.graph.add(Node(name, layer, refs, outputs, span, route, scope, share, init, inherited.freeze))

    def wired(self, wire: Wire, type_: TensorType, port: str) -> Wired:
        outputs, own = self.graph[wire.node].outputs, wire.node.rpartition(".")[2]
        written = not wire.port and wire.label.rpartition(".")[2] == own  # not a block's name for what it is given
        others = {name: other for name, other in outputs.items() if name} if written else {}
        return Wired(wire.label, type_, port, wire.node if wire.node in self.graph.inputs else "", others)

    def check_init(
        self,
        inits: Mapping[str, Init],
        tree: Tree | None,
        layer: Layer,
        weights: Mapping[str, tuple[int, ...]],
        owner: str,
        span: Span,
        route: str,
    ) -> None:
        """A layer's own `init` has to fit its weights: NS305."""
        for key, init in inits.items():
            try:
                check_init(dict.fromkeys(layer.meant(key, weights) or (key,), init), dict(weights), owner)
            except NetspecError as error:
                place = tree.key_spans.get(key, tree.span) if isinstance(tree, Map) else tree.span if tree else span
                self.report(error, place, route)

    def check_share(
        self, inherited: Inherited, name: str, weights: Mapping[str, tuple[int, ...]], span: Span, route: str
    ) -> None:
        """The weights that a layer takes from another must be there and have the same shapes: NS311."""
        share, place = inherited.share, inherited.share_span or span
        if not share or not weights or (share in self.planned and share not in self.graph):  # the last is reported
            return
        if share not in self.graph:
            self.report(
                NetspecError(
                    "NS311",
                    f"`share`: there is no `{share}` whose weights `{name}` could use",
                    hint="the two sides need layers of the same names",
                ),
                place,
                route,
            )
            return
        other = self.graph[share]
        theirs = {k: w.shape for k, w in self.graph.weights_of(other).items()}
        common = [k for k in weights if k in theirs]
        if not common:
            listing = f"it has {', '.join(f'`{k}`' for k in theirs)}" if theirs else "it has no weights"
            self.report(
                NetspecError(
                    "NS311", f"`share`: {other.kind} `{share}` has no weight in common with `{name}`", hint=listing
                ),
                place,
                route,
            )
        for key in common:
            if weights[key] != theirs[key]:
                mine = Related(f"{name}.{key}", str(weights[key]), span)
                its = Related(f"{share}.{key}", str(theirs[key]), other.span, other.route)
                self.report(
                    NetspecError(
                        "NS311",
                        f"`share`: `{key}` has shape {weights[key]} in `{name}` and {theirs[key]} in `{share}`",
                        related=(mine, its),
                    ),
                    place,
                    route,
                )

    def join(self, join: Join) -> None:
        """The layers that bring a container together: shortcut, gate, and the merge under the container's name."""
        place = join.place
        try:
            body_types = [self.type(w) for w in join.bodies]
            input_type = self.type(join.input)
            extras = {k: (w, self.type(w)) for k, w in join.extras.items()}
        except NetspecError as error:
            self.report(error, place.span, place.route)
            return
        if input_type is None or None in body_types or any(t is None for _, t in extras.values()):
            return
        try:
            types = {k: t for k, (_, t) in extras.items() if t}
            start, end = join.input, join.bodies[0]
            assert start and end  # their types are known
            seen = partial(follow, self.graph, start, end, f"{place.name}.")
            parts = parts_of(join, input_type, [t for t in body_types if t], types, seen)
        except NetspecError as error:
            self.report(error, place.span, place.route)
            return
        for part in parts:
            self.part(part, join)

    def part(self, part: Part, join: Join) -> None:
        scope = part.name.rpartition(".")[0] if part.name != join.place.name else join.place.scope
        self.graph.scopes.setdefault(scope, Scope(scope, "sequence"))
        prefix = join.place.name
        inherited = join.inherited
        if inherited.share:
            inherited = replace(inherited, share=f"{inherited.share}{part.name[len(prefix) :]}")
        self.put(part.name, scope, part.layer, part.wires, join.place.span, join.place.route, part.init, inherited)

    def warn_unused(self) -> None:
        """A layer that no output depends on is mostly a slip of the pen."""
        graph = self.graph
        used: set[str] = set()
        places: dict[tuple[str, Span | None], int] = {}
        queue = [ref.node for ref in graph.outputs.values()]
        while queue:
            name = queue.pop()
            if name not in used:
                used.add(name)
                queue += [ref.node for ref in graph[name].inputs]
        for node in graph.nodes():
            if node.name not in used and not any(c not in used for c in graph.consumers(node.name)):
                what = "input" if isinstance(node.layer, Input) else "layer"
                warning = Problem(
                    "NS312",
                    f"{what} `{node.name}` is not used by any output",
                    node.span,
                    "name it in `outputs` or in the `from` of a layer",
                    route=node.route,
                )
                note(graph.warnings, places, warning)


def _fitting(
    outer: Mapping[str, Init], own: Mapping[str, Init], layer: Layer, weights: Mapping[str, tuple[int, ...]]
) -> dict[str, Init]:
    """An `init` that comes from a container is for weights that it fits, and the layer's own stands over it."""
    told = {name for key in own for name in layer.meant(key, weights)}
    found = {}
    for key, init in outer.items():
        names = layer.meant(key, weights)
        if key in own or any(n not in told and (len(weights[n]) > 1 or n != "weight") for n in names):
            found[key] = init
    return found


def _related(wire: Wire, type_: TensorType) -> Related:
    return Related(wire.label, str(type_), wire.span, wire.through)


def check_sizes(kind: str, types: Iterable[TensorType]) -> None:
    """Refuse a result that no tensor can have (NS403): an empty axis, one of more than 64 bits, too many axes."""
    for type_ in types:
        if type_.rank > MAX_RANK:
            raise NetspecError("NS403", f"{kind} gives a tensor of {type_.rank} axes; at most {MAX_RANK} are allowed")
        for size in type_.shape:
            if isinstance(size, int) and size < 1:
                raise NetspecError(
                    "NS403",
                    f"{kind} leaves nothing of its input: the result is {type_}",
                    hint="less stride or pooling before this layer, or a larger input",
                )
            parts = [factor for _, factor in size.terms] if isinstance(size, Dim) else [size]
            if any(abs(part) >= MAX_SIZE for part in parts):
                raise NetspecError("NS403", f"{kind} gives an axis that is larger than any tensor can be")
            if isinstance(size, Dim) and _length(size) > MAX_LENGTH:
                raise NetspecError(
                    "NS403",
                    f"{kind} gives an axis whose formula has more than {MAX_LENGTH} parts",
                    hint="give the axes in `inputs` numbers",
                )


def _length(size: Dim) -> int:
    """How many names and divisions a formula holds; every layer can double it."""
    atoms = [atom for monomial, _ in size.terms for atom in monomial]
    return len(atoms) + sum(_length(atom.numerator) for atom in atoms if not isinstance(atom, str))
