"""Which nodes the outputs of a network depend on."""

from __future__ import annotations

from netspec.graph.model import Graph


def needed(graph: Graph, *, weights: bool = True) -> set[str]:
    """The nodes that an output depends on, by name; with `weights` those too whose weights such a node shares."""
    names: set[str] = set()
    queue = [ref.node for ref in graph.outputs.values()]
    while queue:
        name = queue.pop()
        if name not in names:
            names.add(name)
            node = graph[name]
            queue += [ref.node for ref in node.inputs]
            if weights and node.share:
                queue.append(node.share)
    return names
