"""Submodules as straight-line code.  Modules are made for each; their code is recorded once for all that are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import fx, nn

from netspec.backends.torch.copies import LayerModules
from netspec.backends.torch.fx_module import Assembly, Children, attach
from netspec.backends.torch.lengths import check_lengths
from netspec.backends.torch.record import Recorder
from netspec.backends.torch.submodules import Submodule, SubmoduleTree
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.base import Layer
from netspec.source.errors import NetspecError


@dataclass
class Lowered:
    """A submodule, what it takes in order, and what it gives in order; `form` is the same number for equal code."""

    module: fx.GraphModule
    inputs: list[Ref]
    outputs: list[Ref]
    form: int


class NetworkLowering:
    """Lowers one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tree = SubmoduleTree(graph)
        self.readers: dict[Ref, list[str]] = {}  # by full name; an output of the network is read by the empty name
        for node in graph.layers():
            for ref in node.inputs:
                self.readers.setdefault(ref, []).append(node.name)
        for ref in graph.outputs.values():
            self.readers.setdefault(ref, []).append("")
        self.refs = {node.name: [Ref(node.name, port) for port in node.outputs] for node in graph.nodes()}
        self.types = {node.name: graph.input_types(node) for node in graph.layers()}
        self.made = LayerModules()
        self.modules: list[nn.Module] = []  # of the layers
        self.recorded: dict[object, tuple[int, fx.GraphModule]] = {}  # by form
        self.untyped: set[tuple[Layer, int]] = set()  # layers that were recorded without a look at their types
        self.lowered: dict[str, Lowered] = {}  # by path
        self.assembly = Assembly()

    def network(self) -> fx.GraphModule:
        """The whole graph."""
        children = self.children_of(self.tree.root)
        recorder = Recorder(self.types, self.readers)
        for name in self.graph.inputs:
            recorder.take(Ref(name), name)
        check_lengths(self.graph, {name: recorder.values[Ref(name)] for name in self.graph.inputs})
        self.record(self.tree.root, recorder)
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
            elif (module := self.made.make(child.layer, self.types[child.name])) is not None:
                self.modules.append(module)
                attach(children, submodule.local(child.name) or child.kind, module)
            elif type(child.layer).to_torch is Layer.to_torch:
                hint = f"give the kind `{child.kind}` a `torch_module`, or a `to_torch` that computes its output"
                raise NetspecError("NS501", f"{child.kind} says no torch module to call", child.span, hint=hint)
        return children

    def lower(self, submodule: Submodule) -> Lowered:
        """One block instance or container."""
        children = self.children_of(submodule)
        reads, gives = self.border(submodule)
        form = self.form(submodule, reads, gives)
        if form in self.recorded:
            number, first = self.recorded[form]
            return Lowered(self.assembly.another(first, children, submodule.kind), reads, gives, number)
        recorder = Recorder(self.types, self.readers)
        for ref in reads:
            recorder.take(ref, "x" if len(reads) == 1 else str(ref).rpartition(".")[2], renamed=True)
        self.record(submodule, recorder)
        values = tuple(recorder.values[ref].node for ref in gives)
        recorder.code.output(values[0] if len(values) == 1 else values)
        module = self.assembly.module(recorder.code, children, submodule.kind)
        self.untyped |= recorder.untyped
        self.recorded[self.form(submodule, reads, gives)] = len(self.recorded), module
        return Lowered(module, reads, gives, len(self.recorded) - 1)

    def border(self, submodule: Submodule) -> tuple[list[Ref], list[Ref]]:
        """What a submodule reads from outside, and what others read of it."""
        reads: dict[Ref, None] = {}
        gives: dict[Ref, bool] = {}
        for child in submodule.children:
            inputs, outputs = self.wires(child)
            reads.update((ref, None) for ref in inputs if ref not in gives)
            gives.update((ref, self.tree.leaves(submodule, self.readers.get(ref, ()))) for ref in outputs)
        return list(reads), [ref for ref, leaves in gives.items() if leaves]

    def wires(self, child: Node | Submodule) -> tuple[Sequence[Ref], Sequence[Ref]]:
        """What a layer or a submodule reads and gives, in order."""
        if isinstance(child, Node):
            return child.inputs, self.refs[child.name]
        lowered = self.lowered[child.path]
        return lowered.inputs, lowered.outputs

    def form(self, submodule: Submodule, reads: list[Ref], gives: list[Ref]) -> object:
        """What two submodules share when their code is the same: wiring, and layers and types where the code depends on
        them, whatever they are called."""
        places: dict[Ref, object] = {ref: i for i, ref in enumerate(reads)}
        parts: list[object] = []
        for i, child in enumerate(submodule.children):
            inputs, outputs = self.wires(child)
            name = submodule.local(child.path if isinstance(child, Submodule) else child.name)
            parts.append((name, self.code_key(child), tuple([places[ref] for ref in inputs])))
            places.update((ref, (i, j)) for j, ref in enumerate(outputs))
        return submodule.kind, tuple(parts), tuple([places[ref] for ref in gives])

    def code_key(self, child: Node | Submodule) -> object:
        """What decides the code of a layer or a submodule, beside its name and what it reads."""
        if isinstance(child, Submodule):
            return self.lowered[child.path].form
        if type(child.layer).to_torch is Layer.to_torch:
            return None
        return child.layer, None if (child.layer, len(child.inputs)) in self.untyped else self.types[child.name]

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
