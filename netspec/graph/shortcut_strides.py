"""How a shortcut or gate has to follow F(x): which axis holds the features, and how far apart the positions are.

Sizes alone do not say it: 4 positions become 2 by stride 2 and by stride 3.  The layers of F do, in the words in which
they give receptive fields: every axis of x is followed through them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from netspec.frontend.names import Wire
from netspec.graph.model import Graph, Node
from netspec.layers.base import Reach, Reaches
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType

MAX_STRIDE = 16  # of a symbolic axis where only its size tells the stride


@dataclass(frozen=True, slots=True)
class Track(Reach):
    """An axis of x that positions of F(x) still stand for, and the strides of the paths that lead there."""

    axis: int = 0
    strides: frozenset[Fraction] = frozenset({Fraction(1)})

    def window(self, first: Fraction | int, last: Fraction | int, step: Fraction | int) -> Reach:
        return replace(self, strides=frozenset(stride * step for stride in self.strides))

    def union(self, other: Reach) -> Reach | None:
        if not isinstance(other, Track) or other.axis != self.axis:
            return None
        return replace(self, strides=self.strides | other.strides)

    def everywhere(self) -> Reach | None:
        return self


@dataclass(frozen=True)
class Body:
    """What F makes of the axes of x behind the batch: a Track, or None where F mixes the positions."""

    axes: tuple[Track | None, ...]
    weighted: bool  # does it hold a product with weights?

    def mixed(self) -> list[int]:
        return [axis for axis, track in enumerate(self.axes, start=1) if track is None]


def follow(graph: Graph, start: Wire, end: Wire, prefix: str) -> Body:
    """The layers that lead from `start` to `end`, as a Body.

    Followed are the layers whose names begin with `prefix`; what comes from elsewhere says nothing.
    """
    begin = (start.node, start.port)
    source = graph[start.node].outputs[start.port]
    reaches: dict[str, Reaches] = {}

    def of(node: str, port: str) -> Reaches:
        rank = graph[node].outputs[port].rank - 1
        if (node, port) == begin:
            return tuple(Track(axis=axis) for axis in range(1, source.rank))
        side = bool(port) and "" in graph[node].outputs  # a state beside a sequence
        known = not side and node in reaches and len(reaches[node]) == rank
        return reaches[node] if known else (None,) * rank

    between = _between(graph, start.node, end.node, prefix)
    for node in between:
        before = tuple(of(ref.node, ref.port) for ref in node.inputs)
        reaches[node.name] = node.layer.reach(before, graph.input_types(node), tuple(node.outputs.values()))
    axes = tuple(reach if isinstance(reach, Track) else None for reach in of(end.node, end.port))
    return Body(axes, any(node.layer.weighted for node in between))


def _between(graph: Graph, start: str, end: str, prefix: str) -> list[Node]:
    """The layers that lead to `end`, each behind those that it reads."""
    order: list[Node] = []
    seen = {start}
    stack = [(end, False)]
    while stack:
        name, entered = stack.pop()
        if entered:
            order.append(graph[name])
        elif name not in seen and name.startswith(prefix):
            seen.add(name)
            stack.append((name, True))
            stack += [(ref.node, False) for ref in graph[name].inputs]
    return order


class ShortcutMap(NamedTuple):
    """What a shortcut does: axis `features` changes its size, and of the axes behind the channels (none for a map of
    features) every stride-th position is kept."""

    features: int
    strides: tuple[int, ...] = ()


class Open(str):
    """Why a stride is not known: several lead to the same size."""

    __slots__ = ()


def shortcut_map(x: TensorType, f: TensorType, body: Callable[[], Body]) -> ShortcutMap | str:
    """How F leads from `x` to `f`, both of one rank of at least 2; a text where no shortcut follows, or several do.

    A map of channels (axis 1) keeps every stride-th position of the axes behind; a map of features (the last axis)
    keeps all others as they are.
    """
    last = x.rank - 1
    if last == 1:
        return ShortcutMap(1)
    seen = body()
    mixed = seen.mixed()
    others = [stride(axis, x, f, seen) for axis in range(1, last)]
    linear = last in mixed and x.shape[:-1] == f.shape[:-1] and others == [1] * (last - 1)
    strides = [stride(axis, x, f, seen) for axis in range(2, x.rank)]
    doubts = [s for s in strides if isinstance(s, str)]
    if mixed and 1 not in mixed:
        if linear and seen.weighted:
            return ShortcutMap(last)
        maps = " and ".join(map(str, mixed))
        doubts = [f"F(x) mixes axis {maps}; a shortcut maps axis 1, or axis {last} where F(x) maps it by weights"]
    elif linear and not all(isinstance(s, Open) for s in doubts):
        return ShortcutMap(last)
    elif linear:
        doubts = [f"a map of axis 1 fits, and one of axis {last} too: F(x) mixes both"]
    elif 1 not in mixed and x.shape[1] != f.shape[1]:
        doubts = ["F(x) changes the size of axis 1 without a map of its channels"]
    return doubts[0] if doubts else ShortcutMap(1, tuple(s for s in strides if isinstance(s, int)))


def stride(axis: int, x: TensorType, f: TensorType, body: Body) -> int | str:
    """The stride along an axis, as F says it, or as the sizes say it where only one fits; else a text that says why."""
    a, b, track = x.shape[axis], f.shape[axis], body.axes[axis - 1]
    if a == b == 1:
        return 1
    if track is None:
        return _by_size(axis, a, b)
    if track.axis != axis:
        return f"F(x) puts axis {track.axis} of x in the place of axis {axis}"
    if len(track.strides) > 1:
        several = " and ".join(map(str, sorted(track.strides)))
        return f"paths of F(x) have different strides along axis {axis}, {several}"
    [each] = track.strides
    if each < 1 or each.denominator > 1:
        return f"F(x) has stride {each} along axis {axis}, and a shortcut takes every n-th position, n = 1, 2, …"
    every = int(each)
    if positions_left(a, every) != b:
        left = positions_left(a, every)
        return f"F(x) has stride {every} along axis {axis}, which takes {left} of {a} positions; F(x) has {b}"
    return every


def positions_left(size: Size, stride: int) -> Size:
    """How many positions are left when every stride-th is taken, from the first on."""
    return (size - 1) // stride + 1


def _by_size(axis: int, a: Size, b: Size) -> int | str:
    """The one stride that leads from a positions to b, where F mixes the axis."""
    none = f"no stride leads from {a} positions along axis {axis} to {b}"
    if isinstance(a, Dim) or isinstance(b, Dim):
        return next((s for s in range(1, MAX_STRIDE + 1) if positions_left(a, s) == b), none)
    if b == 1:
        return a  # whatever the stride, the first position
    low, high = (a - 1) // b + 1, (a - 1) // (b - 1)
    if low > high:
        return none
    if low < high:
        several = f"{low} and {high}" if high == low + 1 else f"{low} to {high}"
        return Open(f"strides {several} all lead from {a} positions along axis {axis} to {b}, and F(x) mixes them")
    return low
