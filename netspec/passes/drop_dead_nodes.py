"""Layers that no output depends on."""

from __future__ import annotations

from netspec.graph.model import Graph, Input
from netspec.graph.needed import needed
from netspec.graph.rewrite import Rewrite
from netspec.passes.declare import inference_pass
from netspec.passes.properties import without_dead_nodes


@inference_pass(ensures=(without_dead_nodes,))
def drop_dead_nodes(graph: Graph) -> Graph:
    """Take out what no output depends on.  A layer that owns a weight which a kept one shares stays, for its weight."""
    names = needed(graph)
    rewrite = Rewrite(graph)
    for node in reversed(rewrite):
        if node.name not in names and not isinstance(node.layer, Input):
            rewrite.remove(node, "dead")
    return rewrite.done()
