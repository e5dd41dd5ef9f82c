"""Inputs that hold the lengths of sequences."""

from __future__ import annotations

from netspec.graph.model import Graph
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Size


def lengths_inputs(graph: Graph) -> dict[str, Size]:
    """Input -> the axis of steps that its numbers count, where a recurrent layer reads them as lengths."""
    axes: dict[str, Size] = {}
    for node in graph.layers():
        if isinstance(node.layer, CellLayer):
            types = graph.input_types(node)
            position = node.layer.lengths_of(types)
            if position is not None and node.inputs[position].node in graph.inputs:
                axes.setdefault(node.inputs[position].node, types[0].shape[1])
    return axes
