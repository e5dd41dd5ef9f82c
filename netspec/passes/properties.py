"""What passes require and ensure."""

from __future__ import annotations

from netspec.graph.model import Graph
from netspec.graph.needed import needed


def carries_weights(graph: Graph) -> str:
    """Every weight has its values."""
    for node in graph.layers():
        for name in graph.weights_of(node):
            if f"{graph.owner(node, name)}.{name}" not in graph.weights:
                return f"`{node.name}.{name}` has no values"
    return ""


def without_identities(graph: Graph) -> str:
    """No layer gives out what it reads, at inference."""
    wrong = next((node for node in graph.layers() if node.layer.identity or node.layer.trained_only), None)
    return f"{wrong.kind} `{wrong.name}` is there" if wrong else ""


def without_dead_nodes(graph: Graph) -> str:
    """An output depends on every layer, or on its weights."""
    names = needed(graph)
    wrong = next((node for node in graph.layers() if node.name not in names), None)
    return f"no output depends on `{wrong.name}`" if wrong else ""
