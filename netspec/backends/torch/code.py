"""Submodules as straight-line code.  Modules are made for each; their code is recorded once for all that are equal."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from netspec.backends.torch.fx_module import Assembly, Children, attach
from netspec.backends.torch.lengths import check_lengths
from netspec.backends.torch.record import Recorder
from netspec.backends.torch.submodules import Submodule, submodules_of
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.base import Layer
from netspec.source.errors import NetspecError


@dataclass
class Lowered:
    """A submodule, what it takes in order, and what it gives in order."""

    module: fx.GraphModule
    inputs: list[Ref]
    outputs: list[Ref]


class NetworkLowering:
    """Lowers one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers: dict[Ref, list[str]] = {}  # by full name; an output of the network is read by the empty name
        for node in graph.layers():
            for ref in node.inputs:
                self.readers.setdefault(ref, []).append(node.name)
        for ref in graph.outputs.values():
            self.readers.setdefault(ref, []).append("")
        self.refs = {node.name: [Ref(node.name, port) for port in node.outputs] for node in graph.nodes()}
        outputs = {ref: graph.type_of(ref) for refs in self.refs.values() for ref in refs}
        self.types = {node.name: tuple(outputs[ref] for ref in node.inputs) for node in graph.layers()}
        self.recorded: dict[object, fx.GraphModule] = {}  # by form
        self.lowered: dict[str, Lowered] = {}  # by path
        self.assembly = Assembly()

    def network(self) -> fx.GraphModule:
        """The whole graph."""
        root = submodules_of(self.graph)
        children = self.children_of(root)
        recorder = Recorder(self.types, self.readers)
        for name in self.graph.inputs:
            recorder.take(Ref(name), name)
        check_lengths(self.graph, {name: recorder.values[Ref(name)] for name in self.graph.inputs})
        self.record(root, recorder)
        refs = self.graph.outputs
        if len(refs) == 1:
            recorder.code.output(recorder.values[next(iter(refs.values()))].node)
        else:
            recorder.code.output({name: recorder.values[ref].node for name, ref in refs.items()})
        return self.assembly.module(recorder.code, children, "Network")

    def children_of(self, submodule: Submodule) -> Children:
        """The modules inside, by their local names: each layer's own, and each submodule lowered."""
        children: Children = {}
        for child in submodule.children:
            if isinstance(child, Submodule):
                lowered = self.lowered[child.path] = self.lower(child)
                attach(children, submodule.local(child.path), lowered.module)
            elif (module := child.layer.torch_module(*self.types[child.name])) is not None:
                attach(children, submodule.local(child.name) or child.kind, module)
            elif type(child.layer).to_torch is Layer.to_torch:
                hint = f"give the kind `{child.kind}` a `torch_module`, or a `to_torch` that computes its output"
                raise NetspecError("NS501", f"{child.kind} says no torch module to call", child.span, hint=hint)
        return children

    def lower(self, submodule: Submodule) -> Lowered:
        """One block instance or container."""
        nodes = list(submodule.nodes())
        inside = {node.name for node in nodes}
        reads = list(dict.fromkeys([ref for node in nodes for ref in node.inputs if ref.node not in inside]))
        refs = [ref for node in nodes for ref in self.refs[node.name]]
        gives = [ref for ref in refs if not inside.issuperset(self.readers.get(ref, ()))]
        children = self.children_of(submodule)
        form = self.form(submodule, nodes, inside, reads, gives)
        if form in self.recorded:
            return Lowered(self.assembly.another(self.recorded[form], children, submodule.kind), reads, gives)
        recorder = Recorder(self.types, self.readers)
        for ref in reads:
            recorder.take(ref, "x" if len(reads) == 1 else str(ref).rpartition(".")[2], renamed=True)
        self.record(submodule, recorder)
        values = tuple(recorder.values[ref].node for ref in gives)
        recorder.code.output(values[0] if len(values) == 1 else values)
        self.recorded[form] = self.assembly.module(recorder.code, children, submodule.kind)
        return Lowered(self.recorded[form], reads, gives)

    def record(self, submodule: Submodule, recorder: Recorder) -> None:
        """The calls of a submodule's layers and submodules, in order."""
        for child in submodule.children:
            if isinstance(child, Node):
                recorder.layer(child, submodule.local(child.name) or child.kind)
            else:
                lowered = self.lowered[child.path]
                names = [submodule.local(str(ref)) for ref in lowered.outputs]
                recorder.submodule(
                    submodule.local(child.path), lowered.inputs, dict(zip(lowered.outputs, names, strict=True))
                )

    def form(
        self, submodule: Submodule, nodes: list[Node], inside: set[str], reads: list[Ref], gives: list[Ref]
    ) -> object:
        """What two submodules share when their code is the same: wiring, and layers and types where the code depends on
        them, whatever they are called."""
        start = len(submodule.path)
        places: dict[Ref, object] = {ref: i for i, ref in enumerate(reads)}
        places.update((ref, (ref.node[start:], ref.port)) for node in nodes for ref in self.refs[node.name])
        layers = tuple(
            [
                (
                    node.name[start:],
                    node.scope[start:],
                    tuple([places[ref] for ref in node.inputs]),
                    None if type(node.layer).to_torch is Layer.to_torch else (node.layer, self.types[node.name]),
                )
                for node in nodes
            ]
        )
        return submodule.kind, layers, tuple([places[ref] for ref in gives])
