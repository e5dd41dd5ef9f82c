"""What a picture says about each layer of a network."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.cells.language.expr import unparse
from netspec.graph.cost import Cost, cost_of
from netspec.graph.model import Graph, Input, Node, Ref
from netspec.layers.base import Weight
from netspec.layers.recurrent import CellLayer
from netspec.report.picture.tree import MERGE, DrawnLayer, Facts, Interior, Item, LineRange, TensorRead, tree
from netspec.review.changes.layer_changes import set_fields
from netspec.review.yaml_text import init_text, value_text
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.text import Span

FREE = Cost(0, 0, 0)


def network_tree(graph: Graph) -> Interior:
    """The picture of one network."""
    items = [
        Item(node.name, path_of(graph, node), DrawnLayer(None, facts(graph, node)), wires(graph, node))
        for node in graph.nodes()
    ]
    items += [output_item(name, ref, DrawnLayer(None, output_facts(graph, ref))) for name, ref in graph.outputs.items()]
    return tree(items, container_kinds(graph))


def container_kinds(graph: Graph) -> Mapping[tuple[str, ...], str]:
    """What each container is, by its path; a `repeat` as a whole has no entry."""
    return {tuple(scope.name.split(".")): scope.kind for scope in graph.scopes.values()}


def path_of(graph: Graph, node: Node) -> tuple[str, ...]:
    """The containers around a layer and its own name; the layer that joins a container's paths stands inside it."""
    path = tuple(node.name.split("."))
    return (*path, MERGE) if node.name in graph.scopes else path


def wires(graph: Graph, node: Node) -> tuple[TensorRead, ...]:
    return tuple(TensorRead(ref, short_shape(graph.type_of(ref))) for ref in node.inputs)


def output_item(name: str, ref: Ref, leaf: DrawnLayer, status: str = "") -> Item:
    """An output of the network as a box of its own; layers cannot have its path."""
    [(_, shape)] = leaf.facts.outputs
    return Item(f"{name} (output)", (f"{name} (output)",), leaf, (TensorRead(ref, shape, status),), name)


def output_facts(graph: Graph, ref: Ref) -> Facts:
    shape = short_shape(graph.type_of(ref))
    return Facts("output", (), (shape,), (("", shape),), FREE)


def facts(graph: Graph, node: Node) -> Facts:
    """One layer: what is written and what follows from it."""
    fields = [(name, value_text(value)) for name, value in set_fields(node).items()]
    fields += [("share", node.share)] if node.share else []
    fields += [(f"init.{name}", init_text(init)) for name, init in node.init.items()]
    fields += [("freeze", "true")] if node.freeze else []
    is_input = isinstance(node.layer, Input)
    return Facts(
        kind=node.kind,
        fields=tuple(fields),
        inputs=tuple(map(short_shape, graph.input_types(node))),
        outputs=tuple((port, short_shape(type_)) for port, type_ in node.outputs.items()),
        cost=FREE if is_input else cost_of(graph, node),
        weights=() if is_input else tuple((name, _sizes(w)) for name, w in graph.weights_of(node).items()),
        lines=lines_of(node.span) if node.span else None,
        weighted=node.layer.weighted,
        equations=_equations(node),
    )


def _equations(node: Node) -> tuple[str, ...]:
    """Of the cell that a recurrent layer runs."""
    if not isinstance(node.layer, CellLayer):
        return ()
    return tuple(f"{unparse(e.target)} = {unparse(e.value)}" for e in node.layer.the_cell.equations)


def lines_of(span: Span) -> LineRange:
    """The lines of a span; one that ends before a line's first column does not reach into it."""
    last = span.end_line - (span.end_column == 1 and span.end_line > span.line)
    return LineRange(span.source.name, span.line, last)


def _sizes(weight: Weight) -> str:
    return "×".join(map(str, weight.shape)) or "one number"


def short_shape(type_: TensorType) -> str:
    """`64×56×56` of one sample; the element type where it is not float32."""
    sizes = type_.shape[1:] if type_.shape and type_.shape[0] == BATCH else type_.shape
    text = "×".join(_size_text(size) for size in sizes) or "1"
    return text if type_.dtype == "float32" else f"{text} {type_.dtype}"


def _size_text(size: Size) -> str:
    text = str(size)
    return f"({text})" if isinstance(size, Dim) and not text.isidentifier() else text
