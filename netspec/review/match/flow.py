"""Two networks as the matcher reads them: what each layer computes, what flows into it, what is done with it.

Inputs and outputs of equal names are the same, and so are named axes; what has another name is known by its type until
the layers say which it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from netspec.graph.digest import downstream, upstream
from netspec.graph.meaning import Meanings
from netspec.graph.model import Graph, Node
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType


@dataclass(frozen=True)
class Flow:
    """One of two networks that are compared.  `labels` are what the inputs and outputs that both have are called."""

    graph: Graph
    meanings: Meanings
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @cached_property
    def meaning(self) -> dict[str, str]:
        """Of layers; of an input its type."""
        return self.meanings.of_all(self.graph)

    @cached_property
    def up(self) -> dict[str, bytes]:
        return upstream(self.graph, self.meaning, self.inputs)

    @cached_property
    def down(self) -> dict[str, bytes]:
        return downstream(self.graph, self.meaning, self.outputs)

    @cached_property
    def readers(self) -> dict[str, list[tuple[str, int, str]]]:
        """Node -> (reader, which of its inputs, port) in the order of the file."""
        readers: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
        for node in self.graph.nodes():
            for position, ref in enumerate(node.inputs):
                readers[ref.node].append((node.name, position, ref.port))
        return readers

    def __getitem__(self, name: str) -> Node:
        return self.graph[name]


def flows(before: Graph, after: Graph) -> tuple[Flow, Flow]:
    """Both networks, one name for what has equal names in both, and the axes of the older under their new names."""
    inputs = {name: name for name in before.inputs if name in after.inputs}
    outputs = {name: name for name in before.outputs if name in after.outputs}
    axes = _renamed_axes(before, after)
    return Flow(before, Meanings(axes), inputs, outputs), Flow(after, Meanings(), inputs, outputs)


def _renamed_axes(before: Graph, after: Graph) -> dict[str, str]:
    """Axis names of the older network that the newer has not -> what stands in their places there."""
    old, new = _axes(before.inputs.values()), _axes(after.inputs.values())
    removed, added = old - new, new - old
    renamed: dict[str, str] = {}
    pairs = [(before.inputs[name], after.inputs[name]) for name in before.inputs if name in after.inputs]
    rest = [
        [type_ for name, type_ in a.inputs.items() if name not in b.inputs]
        for a, b in ((before, after), (after, before))
    ]
    pairs += zip(*rest, strict=False)
    for a, b in pairs:
        if a.rank == b.rank:
            for size, other in zip(map(str, a.shape), map(str, b.shape), strict=True):
                if size in removed and other in added and size not in renamed:
                    renamed[size] = other
                    added.remove(other)
    return renamed


def _axes(types: Iterable[TensorType]) -> set[str]:
    return {str(size) for type_ in types for size in type_.shape if isinstance(size, Dim)}
