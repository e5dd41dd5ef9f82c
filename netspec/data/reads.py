"""What a network does with its inputs that their values have to respect."""

from __future__ import annotations

from netspec.graph.model import Graph
from netspec.layers.embedding import Embedding
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Size


def entries_of(graph: Graph) -> dict[str, int]:
    """Input -> how many entries there are for its numbers: those of the smallest embedding that reads it."""
    found: dict[str, int] = {}
    for node in graph.layers():
        if isinstance(node.layer, Embedding) and (name := node.inputs[0].node) in graph.inputs:
            found[name] = min(node.layer.num_embeddings, found.get(name, node.layer.num_embeddings))
    return found


def counted_by(graph: Graph) -> dict[str, Size]:
    """Input of lengths -> the axis of steps that they count, where a recurrent layer is told them."""
    found: dict[str, Size] = {}
    for node in graph.layers():
        if isinstance(node.layer, CellLayer):
            types = graph.input_types(node)
            place = node.layer.lengths_of(types)
            if place is not None and node.inputs[place].node in graph.inputs:
                found.setdefault(node.inputs[place].node, types[0].shape[1])
    return found
