"""What every graph must satisfy, after it is built and after each pass."""

from __future__ import annotations

import networkx as nx

from netspec.graph.model import Graph, Input, Node
from netspec.graph.rewrite import written
from netspec.source.errors import NetspecError


def verify(graph: Graph) -> None:
    """Raise NS502 unless the order is an order of the data, shapes follow from the layers, and weights fit."""
    for name, data in graph.nx.nodes(data=True):
        if "node" not in data:
            readers = ", ".join(f"`{reader}`" for reader in graph.consumers(name))
            raise NetspecError("NS502", f"{readers} reads `{name}`, which the graph has not")
    if not nx.is_directed_acyclic_graph(graph.nx):
        raise NetspecError("NS502", "the graph has a cycle")
    seen: set[str] = set()
    for node in graph.nodes():
        for ref in node.inputs:
            if ref.node not in seen or ref.port not in graph[ref.node].outputs:
                raise NetspecError("NS502", f"`{node.name}` reads `{ref}`, which does not stand before it")
        seen.add(node.name)
        if isinstance(node.layer, Input):
            continue
        inferred = node.layer.infer(*graph.input_types(node))
        outputs = inferred if isinstance(inferred, dict) else {"": inferred}
        if outputs != dict(node.outputs):
            raise NetspecError("NS502", f"`{node.name}` has outputs {dict(node.outputs)}, its rule gives {outputs}")
        if node.share and node.share not in graph:
            raise NetspecError("NS502", f"`{node.name}` shares weights of `{node.share}`, which the graph has not")
        if graph.weights:
            _verify_weights(graph, node)
    for name, ref in graph.outputs.items():
        if ref.node not in graph or ref.port not in graph[ref.node].outputs:
            raise NetspecError("NS502", f"output `{name}` is `{ref}`, which the graph has not")


def _verify_weights(graph: Graph, node: Node) -> None:
    for name, weight in graph.weights_of(node).items():
        full = f"{graph.owner(node, name)}.{name}"
        values = graph.weights.get(full)
        if values is None or tuple(values.shape) != weight.shape:
            raise NetspecError("NS502", f"weight `{full}` is missing or not of shape {weight.shape}")


def verify_change(before: Graph, after: Graph) -> None:
    """Raise NS502 unless both have the same inputs and outputs, and every layer of the one is accounted for in the
    other: it is there, it is in the origin of one that is, or it is named as removed."""
    for what, old, new in (
        ("inputs", before.inputs, {node.name: node.type for node in after.nodes() if isinstance(node.layer, Input)}),
        ("outputs", before.output_types(), after.output_types()),
    ):
        if list(old.items()) != list(new.items()):
            raise NetspecError("NS502", f"the network has other {what} than before")
    old_layers, new_layers = _accounted(before), _accounted(after)
    if lost := [name for name in old_layers if name not in new_layers]:
        raise NetspecError("NS502", f"`{lost[0]}` is lost: it is in no node's origin, and not named as removed")
    if added := [name for name in new_layers if name not in old_layers]:
        raise NetspecError("NS502", f"`{added[0]}` was not there before and has no origin")


def _accounted(graph: Graph) -> dict[str, None]:
    """The layers of the written network that a graph says something of."""
    return dict.fromkeys([*(name for node in graph.layers() for name in written(node)), *graph.removed])
