"""What a layer computes, as text: equal for layers that compute the same of the same inputs and weights.

Its own name, the names of its weights, what begins or freezes them, and how many digits a number is written with are
not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.graph.model import Graph, Input, Node
from netspec.layers.base import Layer, Types
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import at, symbol
from netspec.shapes.tensor import TensorType
from netspec.source.records.fields import fields_of, options_of


@dataclass
class Meanings:
    """The meanings of the layers of one or of several networks, each found once.

    `axes` gives named axes other names, so that a network with `S` in place of `T` has the same meanings.
    """

    axes: Mapping[str, str] = field(default_factory=dict)
    texts: dict[tuple[Layer, Types], str] = field(default_factory=dict)

    def of(self, graph: Graph, node: Node) -> str:
        """The meaning of a node; of a recurrent layer it depends on the sizes of what the layer reads."""
        layer, inputs = node.layer, graph.input_types(node)
        if (layer, inputs) not in self.texts:
            say = self._recurrent if isinstance(layer, CellLayer) else self._plain
            self.texts[layer, inputs] = say(layer, inputs)
        return self.texts[layer, inputs]

    def of_all(self, graph: Graph) -> dict[str, str]:
        """Name -> meaning of every layer; of an input of the network its type."""
        return {
            node.name: self.type(node.type) if isinstance(node.layer, Input) else self.of(graph, node)
            for node in graph.nodes()
        }

    def _plain(self, layer: Layer, inputs: Types) -> str:
        return f"{layer.kind} {_listed(self._fields(layer, inputs))}"

    def _fields(self, layer: Layer, inputs: Types) -> dict[str, Any]:
        values, spelled = {}, layer.one_spelling(*inputs)
        for name, record_field in fields_of(type(layer)).items():
            value = spelled.get(name, getattr(layer, name))
            if isinstance(value, tuple) and len(set(value)) == 1 and _allows(record_field.annotation, value[0]):
                value = value[0]  # `[3, 3]` where `3` is as good
            if isinstance(value, tuple) and self.axes:  # a shape can name axes
                value = tuple(self.axes.get(item, item) if isinstance(item, str) else item for item in value)
            values[name] = value
        return values

    def _recurrent(self, layer: Layer, inputs: Types) -> str:
        """`lstm` and `recurrent` with `cell: lstm` are one; the steps say what the cell, its sizes and `params` do."""
        from netspec.cells.ir.normal_form import normal_form

        assert isinstance(layer, CellLayer)
        values = self._fields(layer, inputs)
        for name in ("cell", "hidden", "params", "recompute"):
            values.pop(name, None)
        steps = [normal_form(step).text for step in layer.stack(inputs[0]).steps]
        return f"recurrent {_listed(values)} {steps}"

    def type(self, type_: TensorType) -> str:
        """A type with its axes renamed."""
        sizes = {name: symbol(other) for name, other in self.axes.items()}
        shape = ", ".join(str(at(size, sizes)) for size in type_.shape)
        return f"{type_.dtype} ({shape})"


def weight_names(graph: Graph, node: Node) -> tuple[str, ...]:
    """The short names of a node's weights, in an order that does not depend on them.

    The i-th weights of two layers of one meaning are the same weight.
    """
    weights = graph.weights_of(node)
    layer = node.layer
    if not isinstance(layer, CellLayer):
        return tuple(weights)
    from netspec.cells.ir.normal_form import normal_form

    stack = layer.stack(graph.input_types(node)[0])
    of_rows = [stack.names(row)[name] for row in range(stack.rows) for name in normal_form(stack.step(row)).weights]
    return (*of_rows, *(name for name in weights if name not in set(of_rows)))  # learned states, as declared


def _allows(annotation: Any, value: Any) -> bool:
    """Whether a field may be this one number in place of a list of them."""
    options = options_of(annotation)
    return type(value) in options or (isinstance(value, int) and float in options)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_text(value)}" for name, value in sorted(values.items()))


def _text(value: Any) -> str:
    """One spelling of a value: `1` and `1.0` are the same number."""
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{_listed(value)}}}"
    return repr(value)
