"""What every graph must satisfy, after it is built and after each pass."""

from __future__ import annotations

import networkx as nx

from netspec.graph.model import Graph, Input
from netspec.source.errors import NetspecError


def verify(graph: Graph) -> None:
    """Raise NS502 unless the order is an order of the data, shapes follow from the layers, and weights fit."""
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
        found = node.layer.infer(*graph.input_types(node))
        outputs = found if isinstance(found, dict) else {"": found}
        if outputs != dict(node.outputs):
            raise NetspecError("NS502", f"`{node.name}` has outputs {dict(node.outputs)}, its rule gives {outputs}")
        if graph.weights and not node.share:
            for name, weight in graph.weights_of(node).items():
                values = graph.weights.get(f"{node.name}.{name}")
                if values is None or tuple(values.shape) != weight.shape:
                    raise NetspecError(
                        "NS502", f"weight `{node.name}.{name}` is missing or not of shape {weight.shape}"
                    )
    for name, ref in graph.outputs.items():
        if ref.node not in graph or ref.port not in graph[ref.node].outputs:
            raise NetspecError("NS502", f"output `{name}` is `{ref}`, which the graph has not")
