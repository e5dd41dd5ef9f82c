"""What a network costs: parameters, FLOPs, activation memory, depth, receptive field.

FLOPs are multiply-adds of products (convolutions, linear maps, attention), a multiply-add counted as ONE, for one
sample, as He et al. 2015 and torchvision publish them: 4.09 G for ResNet-50.  Normalisation, activations and pooling
are not counted.  A `multiply` counts where it is half of a multiply-add, so that attention written out costs what
attention costs: where its result is summed, or where each input is stretched to the shape of another (an outer
product).  A gate, whose result is not summed, is not counted, as in published tables.  Activation memory is the bytes
of every layer's output for one sample, views not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from netspec.graph.model import Graph, Input, Node
from netspec.layers.arithmetic import Multiply
from netspec.layers.base import Reach, Reaches
from netspec.shapes.dim import Dim, Size


@dataclass(frozen=True)
class Cost:
    """The cost of one layer or of a whole network."""

    params: int
    flops: Size
    activations: Size


def params_of(graph: Graph, node: Node, *, frozen: bool = True) -> int:
    """Trainable parameters that the node owns; what it shares is counted where it belongs."""
    if not frozen and node.freeze:
        return 0
    return graph.params_of(node)


def num_params(graph: Graph) -> int:
    """Trainable parameters of the network."""
    return sum(params_of(graph, node) for node in graph.layers())


def flops_of(graph: Graph, node: Node) -> Size:
    """Multiply-adds of one sample; the batch axis is 1 wherever a rule leaves it in."""
    inputs = graph.input_types(node)
    if isinstance(node.layer, Multiply) and _summed(graph, node):
        flops = node.layer.products(inputs, node.type)
    else:
        flops = node.layer.flops(inputs, tuple(node.outputs.values()))
    return flops.at({"B": 1}) if isinstance(flops, Dim) else flops


def _summed(graph: Graph, node: Node) -> bool:
    """Whether a layer adds up elements of the node's result, as it is, in another shape, or beside others."""
    readers, seen = graph.consumers(node.name), {node.name}
    while readers:
        reader = graph[readers.pop()]
        if reader.layer.sums:
            return True
        if reader.name not in seen and (reader.layer.view or reader.layer.moves or reader.layer.trained_only):
            readers += graph.consumers(reader.name)
        seen.add(reader.name)
    return False


def activations_of(node: Node) -> Size:
    """Bytes of the node's outputs for one sample."""
    zero: Size = 0
    if node.layer.view:
        return zero
    return reduce(lambda a, b: a + b, (t.bytes() for t in node.outputs.values()), zero)


def cost_of(graph: Graph, node: Node) -> Cost:
    """All three for one layer."""
    return Cost(params_of(graph, node), flops_of(graph, node), activations_of(node))


def total(graph: Graph) -> Cost:
    """All three for the network."""
    params, flops, activations = 0, 0, 0
    for node in graph.layers():
        cost = cost_of(graph, node)
        params += cost.params
        flops = flops + cost.flops  # type: ignore[assignment]  # an int becomes a Dim with the first symbolic layer
        activations = activations + cost.activations  # type: ignore[assignment]  # likewise
    return Cost(params, flops, activations)


def depth(graph: Graph) -> int:
    """The most layers with a product of weights on one path from an input to an output."""
    deepest: dict[str, int] = {}
    for node in graph.nodes():
        before = max((deepest[ref.node] for ref in node.inputs), default=0)
        deepest[node.name] = before + node.layer.weighted
    return max((deepest[ref.node] for ref in graph.outputs.values()), default=0)


def reaches(graph: Graph) -> Iterator[tuple[Node, Reaches]]:
    """Every node with what one of its output positions sees of the network's inputs, axis by axis."""
    reaches_of: dict[str, Reaches] = {}
    for node in graph.nodes():
        if isinstance(node.layer, Input):
            reaches_of[node.name] = (Reach(),) * (node.type.rank - 1)
        else:
            before = tuple(_of_rank(reaches_of[ref.node], graph.type_of(ref).rank - 1) for ref in node.inputs)
            reaches_of[node.name] = node.layer.reach(before, graph.input_types(node), tuple(node.outputs.values()))
        yield node, reaches_of[node.name]


def _of_rank(reach: Reaches, rank: int) -> Reaches:
    """A layer says it for its main output; of another with other axes nothing is known."""
    return reach if len(reach) == rank else (None,) * rank


def reach_text(reach: Reaches) -> str:
    """`43×43`; `all` for an axis that is seen whole.  The channel axis in front, seen whole, is left out."""
    shown = reach[1:] if len(reach) > 1 and reach[0] is None and any(reach) else reach
    if not any(shown):
        return "all"
    return "×".join(str(r.size) if r else "all" for r in shown)
