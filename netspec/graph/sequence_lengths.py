"""What a network does with its inputs that their values have to respect."""

from __future__ import annotations

from netspec.graph.model import Graph
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Size


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
