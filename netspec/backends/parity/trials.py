"""At which lengths of the named axes an exported model is held against its module.

The lengths that matter: the ends of what is allowed; on both sides of every number of the network (bounds of slices,
extents of kernels, output sizes, positions), where it meets the axis as the layer sees it; a multiple of each stride
and scale, and its neighbours; and some in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import zip_longest

from netspec.graph.cost import total
from netspec.graph.model import Graph, Node
from netspec.layers.windows import Window
from netspec.shapes.dim import Dim, Quotient, Size, at
from netspec.shapes.lengths import least_true
from netspec.source.records import fields_of

MIDDLE = (37, 24, 64)  # tried at every batch size
COUNT = 32  # lengths of one axis
ALWAYS = 2  # trials that are made whatever they cost: the shortest, and one in the middle
WORK = 4 * 10**10  # multiply-adds of all others
_BYTE = 64  # what a byte of memory counts in these
_CHANNELS = ("out_", "num_", "hidden", "embedding_dim", "groups")  # fields that say nothing of a length


def trial_sizes(graph: Graph) -> list[dict[str, int]]:
    """Numbers for the named axes, the shortest that is allowed first; `[{}]` where there are none."""
    names = sorted({n for t in graph.inputs.values() for n in t.symbols()} - {"B"})
    if not names:
        return [{}]
    shortest = {n: graph.lengths.least(n) for n in names}
    candidates = {n: _lengths(graph, n, shortest) for n in names}
    rows = [shortest] if graph.lengths.allows(shortest) else []
    for i in range(max(map(len, candidates.values()))):
        # Different axes get different lengths, so that one mistaken for the other does not go unseen.
        row = {n: candidates[n][(i + k) % len(candidates[n])] for k, n in enumerate(names)}
        row = _grown(graph, row)
        if row not in rows and graph.lengths.allows(row):
            rows.append(row)
    return _affordable(graph, rows)


def _lengths(graph: Graph, name: str, shortest: Mapping[str, int]) -> list[int]:
    """Allowed lengths of one axis, what matters most first."""
    least, most = graph.lengths.least(name), graph.lengths.most(name)
    ends = [*range(least, least + 5), *([most, most - 1] if most else [])]
    groups = [iter(ends), iter(MIDDLE), _around(graph, name, shortest), _periods(graph, name, least)]
    lengths: dict[int, None] = {}
    for row in zip_longest(*groups):
        if len(lengths) >= COUNT:
            break
        for length in row:
            if length is not None and least <= length <= (most or length) and len(lengths) < COUNT:
                lengths[length] = None
    return list(lengths)


def _around(graph: Graph, name: str, shortest: Mapping[str, int]) -> Iterator[int]:
    """The lengths of the axis on both sides of each number of a layer, as the layer's input or output comes to it."""
    seen: set[tuple[Size, int]] = set()
    for node in graph.layers():
        numbers = list(_numbers(node))
        sizes = {s for t in graph.input_types(node) for s in t.shape[1:] if isinstance(s, Dim) and name in s.names()}
        for size in sorted(sizes, key=str):
            others = {n: shortest.get(n, 1) for n in size.names()}
            for number in numbers:
                if (size, number) in seen:
                    continue
                seen.add((size, number))
                meets = _meets(size, number, name, others)
                yield from (meets, meets - 1, meets + 1)


def _meets(size: Size, number: int, name: str, others: Mapping[str, int]) -> int:
    """The first length of an axis at which a size comes to a number."""
    return least_true(lambda n: _value(size, {**others, name: n}) >= number)


def _value(size: Size, sizes: Mapping[str, int]) -> int:
    value = at(size, sizes)
    return value if isinstance(value, int) else 0


def _numbers(node: Node) -> Iterator[int]:
    """The numbers of a layer that an axis can be shorter or longer than."""
    for _, number in _fields(node):
        if isinstance(number, int) and abs(number) > 1:
            yield abs(number)
    windows: Sequence[Window] = node.layer.windows() if hasattr(node.layer, "windows") else ()
    yield from (window.span for window in windows)


def _fields(node: Node) -> Iterator[tuple[str, int | float]]:
    """The numbers of a layer that may have to do with a length, each with the name of its field."""
    for key in fields_of(type(node.layer)):
        value = getattr(node.layer, key)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)) and not isinstance(number, bool) and not key.startswith(_CHANNELS):
                yield key, number


def _periods(graph: Graph, name: str, least: int) -> Iterator[int]:
    """A multiple of each stride and scale, one more and one less."""
    numbers: set[int] = set()
    for node in graph.layers():
        for type_ in (*graph.input_types(node), *node.outputs.values()):
            for size in type_.shape[1:]:
                if isinstance(size, Dim) and name in size.names():
                    numbers |= set(_divisors(size))
        for key, number in _fields(node):
            if key.endswith("size") and isinstance(number, int):  # what an axis is brought to
                numbers |= {number, 2 * number, number * number}
            elif "scale" in key and 0 < number < 64:
                exact = Fraction(number).limit_denominator(64)
                numbers |= {exact.numerator, exact.denominator}
    for period in sorted(n for n in numbers if 1 < n <= 1024):
        multiple = period * (max(least + 1, 7) // period + 1)
        yield from (multiple, multiple + 1, multiple - 1)


def _divisors(size: Dim) -> Iterator[int]:
    for monomial, factor in size.terms:
        if monomial:
            yield abs(factor)
        for atom in monomial:
            if isinstance(atom, Quotient):
                yield atom.denominator
                yield from _divisors(atom.numerator)


def _grown(graph: Graph, row: dict[str, int]) -> dict[str, int]:
    """The row, its axes longer until conditions on several of them hold; as it was where that does not help."""
    grown = dict(row)
    for _ in range(12):
        wrong = graph.lengths.wrong(grown)
        if wrong is None:
            return grown
        for name in wrong.size.names() & grown.keys():
            grown[name] = min(2 * grown[name], graph.lengths.most(name) or 2 * grown[name])
    return row


def _affordable(graph: Graph, rows: list[dict[str, int]]) -> list[dict[str, int]]:
    """The first rows, and others as long as all together stay below WORK."""
    cost = total(graph)
    affordable, work = rows[:ALWAYS], 0
    for row in rows[ALWAYS:]:
        more = _value(cost.flops, row) + _BYTE * _value(cost.activations, row)
        if work + more <= WORK:
            affordable.append(row)
            work += more
    return affordable
