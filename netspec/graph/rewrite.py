"""Changing a graph node by node: readers, outputs, weights and origins follow by themselves.

rewrite = Rewrite(graph)
for node in rewrite:
    if node.layer.identity:
        rewrite.bypass(node, "identity")
return rewrite.done()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from netspec.graph.model import Graph, Node, Ref
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError


class Rewrite:
    """A graph in the course of being changed; the graph that it was made from stays as it was.

    A change after which somebody would read, or share the weights of, what is no longer there raises NS502.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: dict[str, Node] = {}
        self._readers: dict[str, set[str]] = {}
        self._sharers: dict[str, set[str]] = {}  # of a node's weights
        self._outputs = dict(graph.outputs)
        self._weights = dict(graph.weights)
        self._removed = dict(graph.removed)
        for node in graph.nodes():
            self._readers[node.name], self._sharers[node.name] = set(), set()
            self._put(node)

    def __iter__(self) -> Iterator[Node]:
        """The nodes in order, each as it is when its turn comes."""
        return (self._nodes[name] for name in list(self._nodes) if name in self._nodes)

    def __reversed__(self) -> Iterator[Node]:
        return (self._nodes[name] for name in reversed(list(self._nodes)) if name in self._nodes)

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        return tuple(self._nodes[ref.node].outputs[ref.port] for ref in node.inputs)

    def weight(self, name: str) -> Any:
        """The values of a weight by its full name; None where there are none."""
        return self._weights.get(name)

    def readers(self, node: Node) -> list[Node]:
        """The nodes that read this one."""
        return [self._nodes[name] for name in self._readers[node.name]]

    def is_output(self, node: Node) -> bool:
        """Whether the network gives out what the node computes."""
        return any(ref.node == node.name for ref in self._outputs.values())

    def shares_weights(self, node: Node) -> bool:
        """Whether the node takes weights from another, or another takes this one's."""
        return bool(node.share or self._sharers[node.name])

    def remove(self, node: Node, why: str) -> None:
        """Take out a node that nobody reads."""
        self._refuse_uses(node, "removed")
        self._drop(node)
        self._removed.update(dict.fromkeys(written(node), why))

    def bypass(self, node: Node, why: str) -> None:
        """Take out a node of one input and one output of the same type; its readers read what it read."""
        if self.input_types(node) != tuple(node.outputs.values()) or "" not in node.outputs:
            raise NetspecError("NS502", f"`{node.name}` cannot be bypassed: what it gives is not of its input's type")
        self._redirect({Ref(node.name): node.inputs[0]})
        self.remove(node, why)

    def replace(self, *nodes: Node, by: Node, weights: Mapping[str, Any] | None = None) -> None:
        """Put one node in place of several, the last of which gives the result, each of the others to those named.

        It carries the name of one of them and stands where that one stood; its origin is theirs.  Readers of the last
        read it.  `weights` are its values by their short names.
        """
        names = [node.name for node in nodes]
        if by.name not in names or not names[:-1] == [name for name in names[:-1] if name in self._nodes]:
            raise NetspecError("NS502", f"`{by.name}` is none of {_listing(names)} and cannot replace them")
        for node in nodes[:-1]:
            self._refuse_uses(node, "replaced", allowed=names)
        if sharers := self._sharers[nodes[-1].name]:
            raise NetspecError("NS502", f"`{names[-1]}` cannot be replaced: {_listing(sharers)} shares its weights")
        if taken := [name for name in names if name != by.name and name in {ref.node for ref in by.inputs}]:
            raise NetspecError("NS502", f"`{by.name}` cannot read {_listing(taken)}, which it replaces")
        origin = tuple(name for node in nodes for name in written(node))
        for node in nodes:
            self._unlink(node)
        self._put(replace(by, origin=origin))
        last = nodes[-1]
        if last.name != by.name:
            self._redirect({Ref(last.name, port): Ref(by.name, port) for port in last.outputs})
        for node in nodes:
            if node.name != by.name:
                self._drop(node)
        self._weights.update({f"{by.name}.{name}": values for name, values in (weights or {}).items()})

    def done(self) -> Graph:
        """The graph as it is now."""
        graph = self._graph.rebuilt(list(self._nodes.values()), self._outputs, self._weights)
        return replace(graph, removed=self._removed)

    def _put(self, node: Node) -> None:
        """Add a node, or put it where one of its name stands."""
        self._nodes[node.name] = node
        for ref in node.inputs:
            self._readers[ref.node].add(node.name)
        if node.share:
            self._sharers[node.share].add(node.name)

    def _unlink(self, node: Node) -> None:
        """A node reads nothing and shares nothing from now on; its own values are forgotten."""
        for name in node.layer.weights(*self.input_types(node)):
            self._weights.pop(f"{node.name}.{name}", None)
        for ref in node.inputs:
            self._readers[ref.node].discard(node.name)
        if node.share:
            self._sharers[node.share].discard(node.name)

    def _drop(self, node: Node) -> None:
        self._unlink(node)
        del self._nodes[node.name], self._readers[node.name], self._sharers[node.name]

    def _redirect(self, instead: Mapping[Ref, Ref]) -> None:
        """Who reads the keys reads the values, the network's outputs too."""
        for name in {ref.node for ref in instead}:
            for reader in list(self._readers[name]):
                node = self._nodes[reader]
                self._readers[name].discard(reader)
                self._put(replace(node, inputs=tuple(instead.get(ref, ref) for ref in node.inputs)))
        self._outputs = {name: instead.get(ref, ref) for name, ref in self._outputs.items()}

    def _refuse_uses(self, node: Node, verb: str, allowed: Iterable[str] = ()) -> None:
        reasons = []
        if readers := self._readers[node.name] - {*allowed}:
            reasons.append(f"{_listing(readers)} reads it")
        if sharers := self._sharers[node.name] - {*allowed}:
            reasons.append(f"{_listing(sharers)} shares its weights")
        if self.is_output(node):
            reasons.append("it is an output")
        if reasons:
            raise NetspecError("NS502", f"`{node.name}` cannot be {verb}: {', '.join(reasons)}")


def written(node: Node) -> tuple[str, ...]:
    """The layers of the written network that a node stands for."""
    return node.origin or (node.name,)


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
