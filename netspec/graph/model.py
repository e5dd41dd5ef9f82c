"""The compiled network: nodes with layers, shapes and origins; `Graph.nx` is it as a `networkx.MultiDiGraph`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from netspec.graph.text import LayerLine, network_text
from netspec.layers.base import Layer, Weight
from netspec.shapes.lengths import Lengths
from netspec.shapes.tensor import TensorType
from netspec.source.errors import Problem
from netspec.source.text import Span

if TYPE_CHECKING:  # importing it takes longer than loading a network
    import networkx


class Ref(NamedTuple):
    """The output of a node; `port` names one of several and is empty for the only one."""

    node: str
    port: str = ""

    def __str__(self) -> str:
        return f"{self.node}.{self.port}" if self.port else self.node


@dataclass(frozen=True)
class Input(Layer):
    """An input of the network: its type is declared, nothing is computed."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[tuple[int, int | None]] = (0, 0)


@dataclass(frozen=True)
class Node:
    """One layer in its place.  `inputs` keep their order; `outputs` has the key "" for a single output."""

    name: str
    layer: Layer
    inputs: tuple[Ref, ...]
    outputs: Mapping[str, TensorType]
    span: Span | None = None
    route: str = ""  # the way through blocks and repeats, for messages
    scope: str = ""  # the block instance or container that holds it
    share: str = ""  # the node whose weights these are
    init: Mapping[str, Any] = field(default_factory=dict)  # weight name -> graph.init record
    freeze: bool = False
    origin: tuple[str, ...] = ()  # the nodes of the written network that a pass made this one from

    @property
    def type(self) -> TensorType:
        """The type of the only output."""
        return self.outputs[""]

    @property
    def kind(self) -> str:
        return self.layer.kind


@dataclass(frozen=True)
class Scope:
    """A block instance or container: a submodule of its own."""

    name: str
    kind: str


@dataclass(frozen=True)
class Budget:
    """Upper bounds; None: not bounded."""

    params: int | None = None
    flops: int | None = None
    activations: int | None = None
    depth: int | None = None


@dataclass(repr=False)
class Graph:
    """A network.  Nodes stand in the order of the file, which is an order of the data."""

    picture: ClassVar[Callable[[Graph], str]] = staticmethod(repr)  # as SVG: `netspec` puts the report's here

    name: str = ""
    inputs: dict[str, TensorType] = field(default_factory=dict)
    outputs: dict[str, Ref] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    description: str = ""
    source: str = ""
    write_resolved: Callable[[], str] = field(default=str, repr=False)  # few need it
    warnings: list[Problem] = field(default_factory=list)
    lengths: Lengths = field(default_factory=Lengths)  # how long named axes may be, by the layers as they were written
    weights: Mapping[str, Any] = field(default_factory=dict)  # state_dict name -> array, once passes work on values
    removed: Mapping[str, str] = field(default_factory=dict)  # layers that passes took out, and why
    owners: dict[tuple[str, str], str] = field(default_factory=dict, init=False, repr=False, compare=False)  # known
    _nodes: dict[str, Node] = field(default_factory=dict, repr=False)
    _readers: dict[str, dict[str, None]] = field(default_factory=dict, repr=False)  # name -> who reads it
    _weights: dict[str, Mapping[str, Weight]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def resolved(self) -> str:
        """The whole file as one text: `extends`, `include` and `--set` put in."""
        return self.write_resolved()

    def add(self, node: Node) -> None:
        """Put a node at the end."""
        self._nodes[node.name] = node
        for ref in node.inputs:
            self._readers.setdefault(ref.node, {})[node.name] = None

    @property
    def nx(self) -> networkx.MultiDiGraph[str]:
        """The network as networkx has it, made anew: `node` of every node, `position` and `port` of every edge.

        It is frozen: what would be changed in it would not be changed in the network.
        """
        from networkx import MultiDiGraph, freeze

        graph: MultiDiGraph[str] = MultiDiGraph()
        for node in self.nodes():
            graph.add_node(node.name, node=node)
            for position, ref in enumerate(node.inputs):
                graph.add_edge(ref.node, node.name, position=position, port=ref.port)
        freeze(graph)
        return graph

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def nodes(self) -> Iterator[Node]:
        """All nodes in order, the inputs first."""
        return iter(self._nodes.values())

    def layers(self) -> Iterator[Node]:
        """All nodes but the inputs, in order."""
        return (node for node in self.nodes() if not isinstance(node.layer, Input))

    def type_of(self, ref: Ref) -> TensorType:
        return self[ref.node].outputs[ref.port]

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        return tuple(self.type_of(ref) for ref in node.inputs)

    def output_types(self) -> dict[str, TensorType]:
        """Output name -> type."""
        return {name: self.type_of(ref) for name, ref in self.outputs.items()}

    def weights_of(self, node: Node) -> Mapping[str, Weight]:
        """The node's tensors by their short names, worked out once."""
        if node.name not in self._weights:
            self._weights[node.name] = node.layer.weights(*self.input_types(node))
        return self._weights[node.name]

    def owner(self, node: Node, weight: str) -> str:
        """The node whose weight this is: the node itself, or the one at the end of its `share`s, sought once."""
        if not node.share:
            return node.name
        passed = []
        while (node.name, weight) not in self.owners and node.share and weight in self.weights_of(self[node.share]):
            passed.append(node.name)
            node = self[node.share]
        owner = self.owners.get((node.name, weight), node.name)
        self.owners.update(((name, weight), owner) for name in passed)
        return owner

    def params_of(self, node: Node) -> int:
        """Trainable parameters that the node owns; what it shares is counted where it belongs."""
        weights = self.weights_of(node).items()
        return sum(prod(w.shape) for name, w in weights if w.trainable and self.owner(node, name) == node.name)

    def _repr_html_(self) -> str:
        """The network as a picture, in a notebook."""
        return type(self).picture(self)

    def __repr__(self) -> str:
        lines = [LayerLine(node.name, node.kind, node.outputs, self.params_of(node)) for node in self.nodes()]
        return network_text(self.name, len(self.inputs), lines, {name: str(ref) for name, ref in self.outputs.items()})

    def consumers(self, name: str) -> list[str]:
        """The nodes that read this one, each once, in order."""
        return list(self._readers.get(name, ()))

    def with_weights(self, weights: Mapping[str, Any]) -> Graph:
        """The same network carrying the values of its weights, by their names in `state_dict`."""
        return self.rebuilt(list(self.nodes()), dict(self.outputs), weights)

    def rebuilt(self, nodes: list[Node], outputs: dict[str, Ref], weights: Mapping[str, Any]) -> Graph:
        """The same network with these nodes as they are; `graph/rewrite.py` changes some and keeps their uses right."""
        graph = replace(self, outputs=outputs, weights=weights, _nodes={}, _readers={})
        for node in nodes:
            graph.add(node)
        return graph
