"""Layers that give out what they read: identities, and dropout, which does so at inference."""

from __future__ import annotations

from netspec.graph.model import Graph
from netspec.graph.rewrite import Rewrite
from netspec.passes.declare import inference_pass
from netspec.passes.properties import without_identities


@inference_pass(ensures=(without_identities,))
def drop_identities(graph: Graph) -> Graph:
    """Readers of a dropout or an identity read what it reads."""
    rewrite = Rewrite(graph)
    for node in rewrite:
        if node.layer.trained_only:
            rewrite.bypass(node, "trained only")
        elif node.layer.identity:
            rewrite.bypass(node, "identity")
    return rewrite.done()
