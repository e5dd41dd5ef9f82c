"""What a network at inference does not need: dropout, identities, batch norm behind a convolution.

A pass takes a graph with its weights and gives another; the order is `INFERENCE_PASSES`.  After each the graph is
verified, and a failure names the pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from netspec.graph.model import Graph, Node, Ref
from netspec.graph.verify import verify
from netspec.passes.fold import fold_batch_norm
from netspec.source.errors import NetspecError

Pass = Callable[[Graph], Graph]


def drop_identities(graph: Graph) -> Graph:
    """Readers of a dropout or an identity read what it reads."""
    instead: dict[Ref, Ref] = {}
    kept: list[Node] = []
    for node in graph.nodes():
        inputs = tuple(instead.get(ref, ref) for ref in node.inputs)
        if node.layer.trained_only or node.kind == "identity":
            instead[Ref(node.name)] = inputs[0]
        else:
            kept.append(replace(node, inputs=inputs))
    outputs = {name: instead.get(ref, ref) for name, ref in graph.outputs.items()}
    return graph.rebuilt(kept, outputs, graph.weights)


def drop_dead_nodes(graph: Graph) -> Graph:
    """Layers that no output depends on.  One that owns a weight which a kept layer shares stays, for its weight."""
    used: set[str] = set()
    queue = [ref.node for ref in graph.outputs.values()]
    while queue:
        name = queue.pop()
        if name not in used:
            used.add(name)
            node = graph[name]
            queue += [*(ref.node for ref in node.inputs), *([node.share] if node.share else [])]
    kept = [n for n in graph.nodes() if n.name in used or n.name in graph.inputs]
    return graph.rebuilt(kept, dict(graph.outputs), graph.weights)


INFERENCE_PASSES: tuple[Pass, ...] = (drop_identities, drop_dead_nodes, fold_batch_norm)


def for_inference(graph: Graph) -> Graph:
    """Run all inference passes on a graph with weights."""
    for step in INFERENCE_PASSES:
        graph = step(graph)
        try:
            verify(graph)
        except NetspecError as error:
            raise NetspecError(
                "NS502", f"pass {step.__name__} left a wrong graph: {error.problems[0].message}"
            ) from error
    return graph
