"""Scopes as straight-line code: each layer's `to_torch` records itself into a torch.fx graph through proxies."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn

from netspec.backends.torch.fx_module import Assembly, Parts, attach
from netspec.backends.torch.lengths import check_lengths, size_value
from netspec.frontend.identifiers import CODE_NAMES
from netspec.graph.model import Graph, Node, Ref
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError


@dataclass
class Scope:
    """A submodule to be: its path, its kind, and what it holds in order."""

    path: str
    kind: str
    children: list[Node | Scope] = field(default_factory=list)

    def nodes(self) -> Iterable[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
            else:
                yield from child.nodes()

    def local(self, path: str) -> str:
        """A name as it stands in this scope; a merge carries its container's name, in which it stands itself."""
        return path[len(self.path) + 1 :] if self.path else path


@dataclass
class Lowered:
    """A submodule, what it takes in order, and what it gives in order."""

    module: fx.GraphModule
    inputs: list[Ref]
    outputs: list[Ref]


def scopes_of(graph: Graph) -> Scope:
    """The network as a tree of scopes."""
    root = Scope("", "Network")
    scopes = {"": root}

    def scope(path: str) -> Scope:
        if path not in scopes:
            above = path.rpartition(".")[0]
            while above and above not in graph.scopes:
                above = above.rpartition(".")[0]
            scopes[path] = Scope(path, graph.scopes[path].kind)
            scope(above).children.append(scopes[path])
        return scopes[path]

    for node in graph.layers():
        scope(node.scope).children.append(node)
    return root


class Lowering:
    """Lowers the scopes of one graph; equal ones are recorded once, and after that only their modules are made."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers: dict[Ref, list[str]] = {}  # by full name; an output of the network is read by the empty name
        for node in graph.layers():
            for ref in node.inputs:
                self.readers.setdefault(ref, []).append(node.name)
        for ref in graph.outputs.values():
            self.readers.setdefault(ref, []).append("")
        self.given = {node.name: [Ref(node.name, port) for port in node.outputs] for node in graph.nodes()}
        outputs = {ref: graph.type_of(ref) for refs in self.given.values() for ref in refs}
        self.types = {node.name: tuple(outputs[ref] for ref in node.inputs) for node in graph.layers()}
        self.known: dict[object, fx.GraphModule] = {}
        self.assembly = Assembly()

    def network(self) -> fx.GraphModule:
        """The whole graph."""
        code = fx.Graph()
        record = _Recording(self, scopes_of(self.graph), code)
        for name in self.graph.inputs:
            record.take(Ref(name), name)
        check_lengths(self.graph, {name: record.values[Ref(name)] for name in self.graph.inputs})
        record.body()
        refs = self.graph.outputs
        if len(refs) == 1:
            code.output(record.values[next(iter(refs.values()))].node)
        else:
            code.output({name: record.values[ref].node for name, ref in refs.items()})
        return self.assembly.module(code, record.parts, "Network")

    def scope(self, scope: Scope) -> Lowered:
        """One block instance or container."""
        nodes = list(scope.nodes())
        inside = {node.name for node in nodes}
        reads = list(dict.fromkeys(ref for node in nodes for ref in node.inputs if ref.node not in inside))
        given = [ref for node in nodes for ref in self.given[node.name]]
        gives = [ref for ref in given if any(r not in inside for r in self.readers.get(ref, ()))]
        key = self.form(scope, nodes, inside, reads, gives)
        if key in self.known:
            silent = _Recording(self, scope, None)
            silent.values = dict.fromkeys(reads, _SILENT)
            silent.body()
            return Lowered(self.assembly.another(self.known[key], silent.parts, scope.kind), reads, gives)
        code = fx.Graph()
        record = _Recording(self, scope, code)
        for ref in reads:
            record.take(ref, "x" if len(reads) == 1 else str(ref).rpartition(".")[2])
        record.body()
        values = tuple(record.values[ref].node for ref in gives)
        code.output(values[0] if len(values) == 1 else values)
        self.known[key] = self.assembly.module(code, record.parts, scope.kind)
        return Lowered(self.known[key], reads, gives)

    def form(self, scope: Scope, nodes: list[Node], inside: set[str], reads: list[Ref], gives: list[Ref]) -> object:
        """What two scopes share when their code is the same: layers, types and wiring, whatever they are called."""
        start = len(scope.path)
        places = {ref: i for i, ref in enumerate(reads)}

        def relative(ref: Ref) -> object:
            return (ref.node[start:], ref.port) if ref.node in inside else places[ref]

        parts = tuple(
            (
                node.name[start:],
                node.scope[start:],
                node.layer,
                tuple(map(relative, node.inputs)),
                self.types[node.name],
            )
            for node in nodes
        )
        return scope.kind, parts, tuple(map(relative, gives))


class _Silent:
    """Stands for a proxy where the code is known already: takes every operation, and records none."""

    def __getattr__(self, name: str) -> _Silent:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Silent:
        return self

    def __getitem__(self, key: Any) -> _Silent:
        return self

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> _Silent:
        return _SILENT


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "floordiv", "rfloordiv", "neg", "invert",
              "mod", "lt", "le", "gt", "ge", "and", "or", "pow", "matmul"):  # fmt: skip
    setattr(_Silent, f"__{_name}__", lambda self, *args: self)
_SILENT = _Silent()


class _Recording:
    """The layers of one scope, recorded into `code`; without code, only their modules are made."""

    def __init__(self, lowering: Lowering, scope: Scope, code: fx.Graph | None) -> None:
        self.lowering, self.scope, self.code = lowering, scope, code
        self.tracer = fx.proxy.GraphAppendingTracer(code) if code is not None else None
        self.parts: Parts = {}
        self.values: dict[Ref, Any] = {}

    def take(self, ref: Ref, name: str) -> None:
        """An input of the code."""
        assert self.code is not None
        taken = {str(value.node.target) for value in self.values.values()}
        if self.scope.path:  # the network's own inputs keep their names, which the front end has looked at
            name = _identifier(name) if _identifier(name) not in CODE_NAMES else f"{name}_"
        candidate, i = name, 2
        while candidate in taken:
            candidate, i = f"{name}_{i}", i + 1
        self.values[ref] = fx.Proxy(self.code.placeholder(candidate), self.tracer)

    def body(self) -> None:
        for child in self.scope.children:
            if isinstance(child, Node):
                self.layer(child)
            else:
                self.call(child)

    def call(self, child: Scope) -> None:
        lowered = self.lowering.scope(child)
        local = self.scope.local(child.path)
        attach(self.parts, local, lowered.module)
        if self.code is None or not lowered.outputs:
            self.values.update(dict.fromkeys(lowered.outputs, _SILENT))
            return
        args = tuple(self.values[ref].node for ref in lowered.inputs)
        result = self.code.create_node("call_module", local, args, {}, name=_identifier(local))
        if len(lowered.outputs) == 1:
            self.values[lowered.outputs[0]] = fx.Proxy(result, self.tracer)
            return
        for i, ref in enumerate(lowered.outputs):
            item = self.code.create_node("call_function", operator.getitem, (result, i), {},
                                         name=_identifier(self.scope.local(str(ref))))  # fmt: skip
            self.values[ref] = fx.Proxy(item, self.tracer)

    def layer(self, node: Node) -> None:
        local = self.scope.local(node.name) or node.kind
        before = len(self.code.nodes) if self.code is not None else 0
        result = node.layer.to_torch(Builder(self, node, local))
        if isinstance(result, dict):
            for port, value in result.items():
                self.port(Ref(node.name, port), value, f"{local}_{port or 'output'}")
            return
        self.values[Ref(node.name)] = result
        if self.code is not None and len(self.code.nodes) > before:  # the value carries the layer's name
            result.node._rename(_identifier(local))

    def port(self, ref: Ref, value: Any, name: str) -> None:
        """One of several outputs; what nobody reads is not taken out of the result."""
        self.values[ref] = value
        if self.code is None or value.node.target is not operator.getitem:
            return
        if ref in self.lowering.readers:
            value.node._rename(_identifier(name))
        elif not value.node.users:
            self.code.erase_node(value.node)


def _identifier(local: str) -> str:
    name = local.replace(".", "_")
    return f"_{name}" if name[0].isdigit() else name


class Builder:
    """What a layer's `to_torch` works with (layers.base.TorchBuilder)."""

    def __init__(self, record: _Recording, node: Node, local: str) -> None:
        self.inputs = tuple([record.values[ref] for ref in node.inputs])
        self.types = record.lowering.types[node.name]
        self.outputs: Mapping[str, TensorType] = node.outputs
        self._record, self._node, self._local = record, node, local

    @property
    def output(self) -> TensorType:
        return self.outputs[""]

    def module(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        attach(self._record.parts, self._local, module)
        if self._record.tracer is None:
            return _SILENT
        given = args or self.inputs
        name = _identifier(self._local)
        return self._record.tracer.create_proxy("call_module", self._local, given, kwargs, name=name)

    def size(self, size: Size) -> Any:
        try:
            return size_value(size, self._axis)
        except LookupError as error:
            raise NetspecError("NS501", f"{self._node.kind} needs the size `{error.args[0]}`, no axis of its inputs",
                               self._node.span, route=self._node.route,
                               hint="give the axis a number in `inputs`") from None  # fmt: skip

    def _axis(self, size: Dim) -> Any:
        for x, type_ in zip(self.inputs, self.types, strict=True):
            if size in type_.shape:
                return x.size(type_.shape.index(size))
        return None
