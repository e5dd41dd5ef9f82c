"""One layer run by itself, to see what it does: whether it passes its input on, or gives zero.

What a layer does is asked of its own module and not of a table of kinds, so that kinds of other packages are asked too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from netspec.backends.parity.trials import trial_sizes
from netspec.backends.torch.module import to_torch
from netspec.graph.model import Graph, Input, Node, Ref
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType

BATCH = 2
SPREAD = 3.0  # of what is drawn: beyond where the usual activations are flat
CLOSE = 1e-6  # of the largest value: weights are float32


def alone(graph: Graph, node: Node) -> nn.Module:
    """A module of this layer alone, in float64 at inference; its weights are named `layer.…`."""
    inputs = {f"x{i}": type_ for i, type_ in enumerate(graph.input_types(node))}
    single = Graph("layer", inputs, {port or "output": Ref("layer", port) for port in node.outputs})
    for name, type_ in inputs.items():
        single.add(Node(name, Input(), (), {"": type_}))
    refs = tuple(Ref(name) for name in inputs)
    single.add(replace(node, name="layer", inputs=refs, share="", scope="", init={}, freeze=False, origin=()))
    return to_torch(single).double().eval()


class LayerValues:
    """Values that the outputs of a network's layers may have, as far as the layers before them bound them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.sizes = {"B": BATCH, **next(iter(trial_sizes(graph)), {})}
        self.same: dict[Ref, Ref] = {}  # what was found to hold the values of another
        self.generator = torch.Generator().manual_seed(0)

    def of(self, ref: Ref) -> Tensor:
        """Random values, through the layers without weights that lead there in a row."""
        row: list[Node] = []
        while True:
            while ref in self.same:
                ref = self.same[ref]
            node = self.graph[ref.node]
            if len(node.inputs) != 1 or ref.port or len(node.outputs) > 1 or self.graph.weights_of(node):
                break
            row.append(node)
            ref = node.inputs[0]
        values = self.drawn(self.graph.type_of(ref))
        for node in reversed(row):
            values = run(alone(self.graph, node), [values])
        return values

    def drawn(self, type_: TensorType) -> Tensor:
        shape = [int(str(size.at(self.sizes))) if isinstance(size, Dim) else size for size in type_.shape]
        if type_.floating:
            return SPREAD * torch.randn(shape, generator=self.generator, dtype=torch.float64)
        return torch.randint(0, 2, shape, generator=self.generator).to(getattr(torch, type_.dtype))


def run(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    """The main output of a layer."""
    with torch.no_grad():
        result: Tensor | Mapping[str, Tensor] = module(*inputs)
    return result if isinstance(result, Tensor) else result["output"]


def same(a: Tensor, b: Tensor) -> bool:
    """Whether both are equal but for what weights are rounded by."""
    if a.shape != b.shape:
        return False
    scale = b.abs().max().item() if b.numel() else 0.0
    return bool(((a - b).abs() <= CLOSE * scale).all())
