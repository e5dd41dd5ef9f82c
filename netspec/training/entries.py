"""How many entries the embeddings of a network have for the numbers of its inputs."""

from __future__ import annotations

import math

import networkx as nx
import torch

from netspec.backends.torch.module import to_torch
from netspec.graph.model import Graph, Node
from netspec.layers.embedding import Embedding

Entries = int | tuple[int, ...]


def entries_of(graph: Graph) -> dict[str, Entries]:
    """Input -> how many entries there are for its numbers: of the smallest embedding that each reaches.

    One count for all its numbers, or one for each number of a sample, 0 for none, where layers between deal them out.
    Of numbers that are computed first, or come from an axis of any length through other layers, nothing is known.
    """
    found: dict[str, list[int]] = {}
    for node in graph.layers():
        if not isinstance(node.layer, Embedding):
            continue
        reached = {name: [True] for name in graph.inputs if name == node.inputs[0].node} or _reached(graph, node)
        for name, which in reached.items():
            size = max(len(which), len(found.get(name, [0])))
            old = found.get(name, [0]) * (size if len(found.get(name, [0])) == 1 else 1)
            which = which * (size if len(which) == 1 else 1)
            count = node.layer.num_embeddings
            found[name] = [min(n or count, count) if here else n for n, here in zip(old, which, strict=True)]
    return {
        name: counts[0] if len(set(counts)) == 1 else tuple(counts) for name, counts in found.items() if any(counts)
    }


def _reached(graph: Graph, node: Node) -> dict[str, list[bool]]:
    """Input -> which of its numbers come to a layer as they are: every number is told apart by its place, twice."""
    above = nx.ancestors(graph.nx, node.name)
    whole = {n: t for n, t in graph.inputs.items() if n in above and t.dtype in ("int64", "int32")}
    if any(t.symbols() - {"B"} for n, t in graph.inputs.items() if n in above):
        return {}
    nodes = [n for n in graph.nodes() if n.name in above or n.name in graph.inputs]
    between = to_torch(graph.rebuilt(nodes, {"ids": node.inputs[0]}, {})).eval()

    def labelled(factor: int, shift: int) -> dict[str, torch.Tensor]:
        given, first = {}, 1
        for name, type_ in graph.inputs.items():
            shape = [size if isinstance(size, int) else 1 for size in type_.shape]
            dtype = getattr(torch, type_.dtype)
            given[name] = torch.zeros(shape, dtype=dtype)
            if name in whole:
                given[name] = (torch.arange(first, first + math.prod(shape)) * factor + shift).reshape(shape).to(dtype)
                first += math.prod(shape)
        return given

    with torch.inference_mode():
        once, again = (between(**labelled(*how)).reshape(-1) for how in ((1, 0), (7, 3)))
    kept = set(once[again == once * 7 + 3].tolist())
    found = {name: [label in kept for label in labelled(1, 0)[name].reshape(-1).tolist()] for name in whole}
    return {name: which for name, which in found.items() if any(which)}
