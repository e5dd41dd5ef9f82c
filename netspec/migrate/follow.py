"""How the axes of a layer's inputs go through it, in the words in which the layer gives its receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from netspec.graph.model import Graph, Node
from netspec.layers.base import Reach, Reaches
from netspec.shapes.dim import Size, product


class AxisSource(NamedTuple):
    """An axis of an input: position i of the output's is i + `shift` of it."""

    input: int
    axis: int
    shift: Size


@dataclass(frozen=True, slots=True)
class Through(Reach):
    """Where the positions of an axis come from.  `exact`: each from one; `mixed`: each is seen by all of the axis."""

    sources: tuple[AxisSource, ...] = ()
    exact: bool = True
    mixed: bool = False

    def window(self, first: Fraction | int, last: Fraction | int, step: Fraction | int) -> Reach:
        if first != last or step != 1 or Fraction(first).denominator != 1:
            return replace(self, exact=False)
        return replace(self, sources=tuple(s._replace(shift=s.shift + int(first)) for s in self.sources))

    def union(self, other: Reach) -> Reach | None:
        if not isinstance(other, Through):
            return None
        sources = tuple(dict.fromkeys((*self.sources, *other.sources)))
        return replace(self, sources=sources, exact=self.exact and other.exact, mixed=self.mixed or other.mixed)

    def everywhere(self) -> Reach | None:
        return replace(self, mixed=True)


def through(graph: Graph, node: Node) -> list[Through | None]:
    """Of each axis of the node's main output behind the batch: where it comes from; None where that is not said."""
    types = graph.input_types(node)
    outputs = tuple(node.outputs.values())
    begin: tuple[Reaches, ...] = tuple(
        tuple(Through(sources=(AxisSource(i, axis, 0),)) for axis in range(1, type_.rank))
        for i, type_ in enumerate(types)
    )
    reaches = node.layer.reach(begin, types, outputs)
    if len(reaches) != outputs[0].rank - 1:
        return [None] * (outputs[0].rank - 1)
    return [reach if isinstance(reach, Through) else None for reach in reaches]


class Merge(NamedTuple):
    """Axes of the input that become one of the output; of several that become several nothing more is said."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def merges(before: Sequence[Size], after: Sequence[Size]) -> list[Merge]:
    """A reshape as runs of axes that hold equally many values, each as short as can be; axes count the batch as 0."""
    runs: list[Merge] = []
    i = j = 0
    while i < len(before) and j < len(after):
        first, second = i + 1, j + 1
        while product(tuple(before[i:first])) != product(tuple(after[j:second])):
            left, right = product(tuple(before[i:first])), product(tuple(after[j:second]))
            grow_left = isinstance(left, int) and isinstance(right, int) and left < right
            if (grow_left or second == len(after)) and first < len(before):
                first += 1
            elif second < len(after):
                second += 1
            else:
                return runs
        runs.append(Merge(tuple(range(i + 1, first + 1)), tuple(range(j + 1, second + 1))))
        i, j = first, second
    return runs
