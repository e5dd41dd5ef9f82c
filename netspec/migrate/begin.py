"""How an added layer begins: as the identity, or as zero at the end of a branch that is added to a sum.

Net2DeeperNet (Chen et al. 2016, arXiv:1511.05641) adds layers that begin as the identity; a residual branch whose last
layer is zero leaves its sum as it was (Goyal et al. 2017, arXiv:1706.02677).  What begins how is tried on the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from netspec.graph.model import Graph, Node, Ref
from netspec.layers.weight_axes import Taps
from netspec.migrate.alone import LayerValues, alone, run, same

Fill = Callable[[Tensor], object]  # fills a tensor of the new network in place
Fills = Mapping[str, Fill]  # by the layer's short names


def identity_fills(graph: Graph, node: Node) -> list[Fills]:
    """Weights with which the layer may be the identity; the first are as they are begun anyhow."""
    weights = graph.weights_of(node)
    trained = [name for name, weight in weights.items() if weight.trainable]
    if node.layer.batch_norm and "running_var" in weights:
        scale = (1.0 + float(getattr(node.layer, "eps", 0.0))) ** 0.5
        return [{name: _full(scale) if name == "weight" else _zero for name in trained}]
    if not trained:
        return [{}]
    axes = node.layer.weight_axes(graph.input_types(node), tuple(node.outputs.values()))
    fills: dict[str, Fill] = {}
    for name in trained:
        fills[name] = _zero
        units = [along[0] for along in axes.get(name, ()) if isinstance(along, tuple) and len(along) == 1]
        summed = [i for i, u in enumerate(units) if u.of == "input" and u.summed]
        produced = [i for i, u in enumerate(units) if u.of == "output"]
        if len(units) == 2 and len(summed) == len(produced) == 1 and units[0].size == units[1].size:
            taps = [along for along in axes[name] if isinstance(along, Taps)]
            if all(0 in tap.offsets() for tap in taps):
                fills[name] = _dirac([tap.offsets().index(0) for tap in taps])
    return [fills]


def zero_fills(graph: Graph, node: Node) -> Fills:
    """What makes the layer's output zero: every weight that runs along it."""
    axes = node.layer.weight_axes(graph.input_types(node), tuple(node.outputs.values()))
    return {
        name: _zero
        for name, weight in graph.weights_of(node).items()
        if weight.trainable
        and any(isinstance(along, tuple) and any(u.of == "output" for u in along) for along in axes.get(name, ()))
    }


class Beginner:
    """Tries how the added layers of a network may begin."""

    def __init__(self, graph: Graph, added: set[str]) -> None:
        self.graph, self.added = graph, added
        self.values = LayerValues(graph)
        self.sharers = {node.share for node in graph.layers() if node.share}

    def as_identity(self, node: Node) -> Fills | None:
        """What makes a layer of one input pass it on; None where nothing does."""
        [ref] = node.inputs
        if self.graph.type_of(ref) != node.outputs.get("") or len(node.outputs) > 1 or self._shares(node):
            return None
        x = self.values.of(ref)
        for fills in identity_fills(self.graph, node):
            if same(run(self._filled(node, fills), [x]), x):
                self.values.same[Ref(node.name)] = ref
                return fills
        return None

    def passes(self, node: Node, trunk: Sequence[int]) -> bool:
        """Whether a layer of several inputs gives out the sum of these where all others are zero."""
        if len(node.outputs) > 1 or self.graph.weights_of(node):
            return False
        types = self.graph.input_types(node)
        values = [self.values.drawn(type_) * (i in trunk) for i, type_ in enumerate(types)]
        return same(run(alone(self.graph, node), values), torch.stack([values[i] for i in trunk]).sum(0))

    def as_zero(self, ref: Ref) -> tuple[str, Fills] | None:
        """The added layer whose weights make this value zero, and what fills them; None where nothing does."""
        while True:
            node = self.graph[ref.node]
            if node.name not in self.added or ref.port or len(node.outputs) > 1 or self._shares(node):
                return None
            values = [self.values.drawn(type_) for type_ in self.graph.input_types(node)]
            if fills := zero_fills(self.graph, node):
                return (node.name, fills) if not run(self._filled(node, fills), values).any() else None
            if len(node.inputs) != 1 or run(alone(self.graph, node), [torch.zeros_like(x) for x in values]).any():
                return None
            [ref] = node.inputs

    def _shares(self, node: Node) -> bool:
        return bool(node.share) or node.name in self.sharers

    def _filled(self, node: Node, fills: Fills) -> torch.nn.Module:
        module = alone(self.graph, node)
        state = module.state_dict()
        with torch.no_grad():
            for name, fill in fills.items():
                fill(state[f"layer.{name}"])
        return module


def _zero(tensor: Tensor) -> None:
    tensor.zero_()


def _full(value: float) -> Fill:
    return lambda tensor: tensor.fill_(value)


def _dirac(taps: list[int]) -> Fill:
    """1 from each unit of the input to the same one of the output, at the tap that looks there; 0 elsewhere.

    One of the two axes has the units of one group alone.
    """

    def fill(tensor: Tensor) -> None:
        tensor.zero_()
        matrix = tensor
        for tap in reversed(taps):
            matrix = matrix[..., tap]
        position = torch.arange(matrix.shape[0])
        matrix[position, position % matrix.shape[1]] = 1.0

    return fill
