"""From an expanded document to a graph: shapes inferred along the way, containers brought together, budget held."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from netspec.frontend.check import check
from netspec.frontend.document import Document, load_document
from netspec.frontend.expand import Call, Expansion, Join, expand
from netspec.frontend.expression import resolve
from netspec.frontend.init import Init, check_init
from netspec.frontend.names import Wire
from netspec.graph.budget import check_budget, read_budget
from netspec.graph.join import Part, parts_of
from netspec.graph.model import Graph, Input, Node, Ref, Scope
from netspec.layers.base import Layer
from netspec.shapes.dim import Size, symbol
from netspec.shapes.tensor import BATCH, DTYPES, TensorType
from netspec.source.errors import NetspecError, Problem, Related, did_you_mean, raise_all
from netspec.source.records import unknown_key
from netspec.source.text import Source, Span, show
from netspec.source.tree import Items, Map, Tree, read_text

_AXIS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load(path_or_text: str | Path, *, sets: Sequence[str] = (), folder: Path | None = None, **variables: Any) -> Graph:
    """Compile a netspec file, or a text (which holds a newline), to a graph with shapes.

    Keyword arguments replace the file's `vars`; `sets` are `path=value` as after `--set`; `folder` is what paths
    in the file are relative to, the file's own by default.
    Raises NetspecError with every independent problem of the first stage that has any.
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        source, path = Source("<text>", path_or_text), None
    else:
        path = Path(path_or_text)
        source = read_text(path)
    return build(load_document(source, path, folder, sets, variables))


def build(document: Document) -> Graph:
    """Compile a document.  Raises NS2xx, NS3xx or NS4xx, whole stages at a time."""
    checked = check(document)
    inputs = _inputs(document)
    section = document.section("inputs")
    assert section is not None  # document.py refused a file without
    expansion = expand(checked, {name: section.key_span(name) for name in inputs})
    raise_all(expansion.problems)
    graph = Graph(
        name=document.text("name") or Path(document.source.name).stem.strip("<>"),
        inputs=inputs,
        data=_resolved(document, "data"),
        train=_resolved(document, "train"),
        description=document.text("description"),
        source=document.text("source"),
        folder=document.folder,
        resolved=document.resolved(),
    )
    _Builder(graph, expansion).run(section)
    budget = document.section("budget")
    if budget is not None:
        graph.budget = read_budget(budget)
        check_budget(graph, budget)
    return graph


def _resolved(document: Document, section: str) -> Map | None:
    tree = document.section(section)
    done = resolve(tree, document.vars) if tree is not None else None
    return done if isinstance(done, Map) else None


def _inputs(document: Document) -> dict[str, TensorType]:
    section = document.section("inputs")
    assert section is not None  # document.py refused a file without
    problems: list[Problem] = []
    found = {}
    for name, tree in section.entries.items():
        try:
            found[name] = _input(name, tree, section.key_span(name), document.vars)
        except NetspecError as error:
            problems += error.problems
    raise_all(problems)
    return found


def _input(name: str, tree: Tree, place: Span, variables: Mapping[str, Any]) -> TensorType:
    import keyword

    if not _AXIS.fullmatch(name) or keyword.iskeyword(name):
        raise NetspecError("NS206", f"an input's name is made of letters, digits and _, and is no Python keyword; "
                           f"received {show(name)}", place)  # fmt: skip
    shape, dtype = resolve(tree, variables), "float32"
    if isinstance(shape, Map):
        for key in shape.entries:
            if key not in ("shape", "dtype"):
                raise NetspecError.of([unknown_key(key, shape.key_span(key), ("shape", "dtype"), f"input `{name}`")])
        given = shape.get("dtype")
        if given is not None:
            dtype = given.plain()
            if not isinstance(dtype, str) or dtype not in DTYPES:
                hint = did_you_mean(str(dtype), DTYPES, f"one of {', '.join(DTYPES)}")
                raise NetspecError("NS203", f"`dtype` of input `{name}` is {show(dtype)}", given.span, hint=hint)
        if "shape" not in shape:
            raise NetspecError("NS204", f"input `{name}` needs `shape`", shape.span, hint="for example `shape: [3, 32, 32]`")
        shape = shape.entries["shape"]
    if not isinstance(shape, Items):
        raise NetspecError("NS203", f"input `{name}` expects a shape, received {show(shape.plain())}", shape.span,
                           hint="a list without the batch axis, for example `[3, 32, 32]`")  # fmt: skip
    return TensorType((BATCH, *(_axis(name, axis) for axis in shape.items)), dtype)


def _axis(name: str, tree: Tree) -> Size:
    value = tree.plain()
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and _AXIS.fullmatch(value):
        if value == "B":
            raise NetspecError("NS203", f"`B` is the batch axis, which every input has already (input `{name}`)", tree.span)
        return symbol(value)
    raise NetspecError("NS203", f"an axis of input `{name}` expects a whole number of at least 1 or a name such as `T`, "
                       f"received {show(value)}", tree.span)  # fmt: skip


class _Builder:
    def __init__(self, graph: Graph, expansion: Expansion) -> None:
        self.graph, self.expansion = graph, expansion
        self.problems: list[Problem] = []
        self.seen: set[tuple[str, Span | None]] = set()  # a block's problem once, not once an instance

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
        self.warn_unused()

    def report(self, error: NetspecError, span: Span | None, route: str) -> None:
        for problem in error.located(span, route).problems:
            key = (problem.code, problem.span)
            if not route or key not in self.seen:
                self.problems.append(problem)
            self.seen.add(key)

    def type(self, wire: Wire | None) -> TensorType | None:
        """The type of a wire; None when what makes it is already reported."""
        if wire is None or wire.node not in self.graph:
            return None
        outputs = self.graph[wire.node].outputs
        if wire.port in outputs:
            return outputs[wire.port]
        ports = ", ".join(f"`{wire.label.removesuffix('.' + wire.port)}.{p}`" for p in outputs if p)
        text = f"`{wire.label}` gives several tensors" if not wire.port else f"`{wire.node}` has no output `{wire.port}`"
        raise NetspecError("NS308", text, hint=f"name one of {ports}" if ports else "it has a single output: leave the port out")

    def call(self, call: Call) -> None:
        place = call.place
        self.put(place.name, place.scope, call.layer, call.wires, place.span, place.route,
                 dict(call.own_init), call.inherited.init, call.inherited.share, call.inherited.freeze)  # fmt: skip

    def put(self, name: str, scope: str, layer: Layer, wires: Sequence[Wire | None], span: Span, route: str,
            own_init: dict[str, Init], outer_init: Mapping[str, Init], share: str, freeze: bool) -> Node | None:  # fmt: skip
        """Add one layer, unless one of its inputs is already reported or its shapes do not fit."""
        try:
            types = [self.type(w) for w in wires]
        except NetspecError as error:
            self.report(error, span, route)
            return None
        known = [t for t in types if t is not None]
        if len(known) < len(types):
            return None
        try:
            if layer.floating and (odd := next((t for t in known if not t.floating), None)):
                raise NetspecError("NS405", f"{layer.kind} expects floating numbers, received {odd} of {odd.dtype}",
                                   hint="whole numbers are for `embedding`; set `dtype` in `inputs`")  # fmt: skip
            out = layer.infer(*known)
            weights = {k: w.shape for k, w in layer.weights(*known).items()}
            init = _inits(own_init, outer_init, weights, layer.kind)
            self.check_share(share, name, weights)
        except NetspecError as error:
            related = tuple(_related(w, t) for w, t in zip(wires, known, strict=True) if w)
            problems = [replace(p, related=p.related or related) for p in error.problems]
            self.report(NetspecError.of(problems), span, route)
            return None
        outputs = out if isinstance(out, dict) else {"": out}
        refs = tuple(Ref(w.node, w.port) for w in wires if w)
        node = Node(name, layer, refs, outputs, span, route, scope, share if weights else "", init, freeze)
        self.graph.add(node)
        return node

    def check_share(self, share: str, name: str, weights: Mapping[str, tuple[int, ...]]) -> None:
        if not share or not weights:
            return
        if share not in self.graph:
            raise NetspecError("NS311", f"`share`: there is no layer `{share}` whose weights `{name}` could use")
        other = self.graph[share]
        theirs = {k: w.shape for k, w in self.graph.weights_of(other).items()}
        common = [k for k in weights if k in theirs]
        if not common:
            raise NetspecError("NS311", f"`share`: {share}, a {other.kind}, has no weight in common with `{name}`",
                               hint=f"it has {', '.join(theirs) or 'none'}")  # fmt: skip
        for key in common:
            if weights[key] != theirs[key]:
                raise NetspecError("NS311", f"`share`: `{key}` of `{name}` has shape {weights[key]}, that of {share} "
                                   f"{theirs[key]}", related=(Related(share, str(theirs[key]), other.span, other.route),))  # fmt: skip

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
            parts = parts_of(join, input_type, [t for t in body_types if t])
        except NetspecError as error:
            self.report(error, place.span, place.route)
            return
        for part in parts:
            self.part(part, join)

    def part(self, part: Part, join: Join) -> None:
        scope = part.name.rpartition(".")[0] if part.name != join.place.name else join.place.scope
        self.graph.scopes.setdefault(scope, Scope(scope, "sequence"))
        prefix = join.place.name
        share = join.inherited.share
        share = f"{share}{part.name[len(prefix):]}" if share else ""
        self.put(part.name, scope, part.layer, part.wires, join.place.span, join.place.route, dict(part.init),
                 join.inherited.init, share, join.inherited.freeze)  # fmt: skip

    def warn_unused(self) -> None:
        """A layer that no output depends on is mostly a slip of the pen."""
        graph = self.graph
        used: set[str] = set()
        queue = [ref.node for ref in graph.outputs.values()]
        while queue:
            name = queue.pop()
            if name not in used:
                used.add(name)
                queue += [ref.node for ref in graph[name].inputs]
        for node in graph.nodes():
            if node.name not in used and not any(c not in used for c in graph.consumers(node.name)):
                what = "input" if isinstance(node.layer, Input) else "layer"
                graph.warnings.append(Problem("NS312", f"{what} `{node.name}` is not used by any output", node.span,
                                              "name it in `outputs` or in the `from` of a layer", route=node.route))  # fmt: skip


def _inits(own: Mapping[str, Init], outer: Mapping[str, Init], weights: Mapping[str, tuple[int, ...]],
           kind: str) -> dict[str, Init]:  # fmt: skip
    """A layer's own `init` has to fit; one that comes from a container is for the weights that it fits."""
    check_init(dict(own), dict(weights), kind)
    fitting = {k: i for k, i in outer.items() if k in weights and (len(weights[k]) > 1 or k != "weight")}
    return {**fitting, **own}


def _related(wire: Wire, type_: TensorType) -> Related:
    return Related(wire.label, str(type_), wire.span, wire.through)
