"""Boxes in boxes: the layers of a network under their containers, equal copies that follow each other folded into one.

What a box holds is told without the names around it, so that equal containers have equal bodies: a page keeps each
body once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple, TypeAlias

from netspec.graph.cost import Cost
from netspec.graph.model import Ref
from netspec.shapes.dim import Size

BORDER = -1  # the unit that stands for the container itself
MERGE = ""  # the last part of a path: the layer that joins a container's paths, which has the container's name
Path: TypeAlias = tuple[str, ...]
MOST_UNITS = 120  # of one body; what is longer is shown in stretches


@dataclass(frozen=True)
class LineRange:
    """Lines of a file, both ends included."""

    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Facts:
    """One layer on one side of a comparison, as text for people; FLOPs and memory are for one sample."""

    kind: str
    fields: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]  # shapes
    outputs: tuple[tuple[str, str], ...]  # port, shape
    cost: Cost
    weights: tuple[tuple[str, str], ...] = ()  # name, shape
    lines: LineRange | None = None
    weighted: bool = False  # a product with weights: it begins a stack of its own
    equations: tuple[str, ...] = ()  # of a recurrent cell


@dataclass(frozen=True)
class DrawnLayer:
    """A layer: both sides, or one where it is added, removed, or nothing is compared."""

    before: Facts | None
    after: Facts | None
    status: str = ""  # added | removed | changed | renamed | affected
    old_name: str = ""  # in full, where it is another
    changes: tuple[tuple[str, str, str], ...] = ()

    @property
    def facts(self) -> Facts:
        """The side that is drawn."""
        facts = self.after or self.before
        assert facts is not None  # a layer is on one side at least
        return facts


@dataclass(frozen=True)
class TensorRead:
    """One input of a layer: what it reads, its shape, and whether the wire is added or removed."""

    ref: Ref
    shape: str
    status: str = ""
    old_shape: str = ""  # where it is another


@dataclass(frozen=True)
class Item:
    """A layer before it stands in the tree.  `path` holds the names of the containers around it and its own."""

    name: str
    path: tuple[str, ...]
    leaf: DrawnLayer
    wires: tuple[TensorRead, ...]
    label: str = ""  # where it is not the last part of the path


class End(NamedTuple):
    """One end of a link: which unit of the body (or `BORDER`), and which of its inputs or outputs."""

    unit: int
    slot: int


@dataclass(frozen=True)
class Link:
    """A tensor on its way between two units of a body, or its border."""

    source: End
    target: End
    shape: str
    status: str = ""
    old_shape: str = ""


@dataclass(frozen=True)
class Unit:
    """One box: a layer, or a container with its body; `names` has one entry a copy, below the container around it."""

    names: tuple[str, ...]
    label: str
    kind: str
    inside: DrawnLayer | Interior
    old_name: str = ""  # a container's own, where it was another
    status: str = ""  # of the container itself, whatever is in it: added | removed

    @property
    def copies(self) -> int:
        return max(1, len(self.names))

    @property
    def cost(self) -> Cost:
        """Of all copies together."""
        each = self.inside.cost if isinstance(self.inside, Interior) else self.inside.facts.cost
        return Cost(each.params * self.copies, each.flops * self.copies, each.activations * self.copies)


@dataclass(frozen=True)
class Interior:
    """What stands in a container, or in the whole network."""

    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    cost: Cost


class _Placed(NamedTuple):
    unit: Unit
    reads: tuple[TensorRead, ...]
    gives: tuple[Ref, ...]  # what others read of it


def tree(
    items: Sequence[Item],
    kinds: Mapping[Path, str],
    old_names: Mapping[Path, str] | None = None,
    statuses: Mapping[Path, str] | None = None,
) -> Interior:
    """The picture of these layers, which stand in an order of the data.

    `kinds` says what each container is, `old_names` what it was called where that was something else, `statuses`
    which are added or removed.
    """
    return _Tree(items, kinds, old_names or {}, statuses or {}).body(list(items), 0)[0]


class _Tree:
    def __init__(
        self,
        items: Sequence[Item],
        kinds: Mapping[Path, str],
        old_names: Mapping[Path, str],
        statuses: Mapping[Path, str],
    ) -> None:
        self.kinds, self.old_names, self.statuses = kinds, old_names, statuses
        self.readers: dict[Ref, list[tuple[str, ...]]] = {}  # who reads an output, by path
        for item in items:
            for wire in item.wires:
                self.readers.setdefault(wire.ref, []).append(item.path)
        self.bodies: dict[Interior, Interior] = {}  # equal ones are one object: comparing them takes no time

    def body(self, items: Sequence[Item], depth: int) -> tuple[Interior, tuple[TensorRead, ...], tuple[Ref, ...]]:
        """The body of these layers, whose paths agree in `depth` parts; what it reads, and what is read of it."""
        around = items[0].path[:depth] if items else ()
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(item.path[depth], []).append(item)
        level = [self._placed(name, (*around, name), group, depth) for name, group in groups.items()]
        escaping = {ref for placed in level for ref in placed.gives if self._leaves(ref, around)}
        level = _folded(level, escaping)
        if len(level) > MOST_UNITS:
            level = self._stretches(level, escaping)
        return self._linked(level, escaping)

    def _placed(self, name: str, path: tuple[str, ...], items: list[Item], depth: int) -> _Placed:
        [item, *more] = items
        if not more and len(item.path) == depth + 1:
            refs = (Ref(item.name, port) for port, _ in item.leaf.facts.outputs)
            gives = tuple(ref for ref in refs if ref in self.readers)
            label = item.label or (name if name != MERGE else item.leaf.facts.kind)
            return _Placed(Unit((name,), label, item.leaf.facts.kind, item.leaf), item.wires, gives)
        body, reads, gives = self.body(items, depth + 1)
        kind, old_name = self.kinds.get(path, ""), self.old_names.get(path, "")
        unit = Unit((name,), name, kind or _repeated(body), body, old_name, self.statuses.get(path, ""))
        if kind in ("", "sequence") and len(body.units) == 1 and body.units[0].names[0] != MERGE:
            [only] = body.units  # all copies of a repeat, or the only layer of a sequence
            label = f"{name}.{only.label}" if kind else name
            names = tuple(f"{name}.{own}" for own in only.names)
            unit = Unit(names, label, only.kind, only.inside, old_name or only.old_name, unit.status or only.status)
        return _Placed(unit, reads, gives)

    def _leaves(self, ref: Ref, around: tuple[str, ...]) -> bool:
        return any(reader[: len(around)] != around for reader in self.readers.get(ref, ()))

    def _linked(
        self, level: Sequence[_Placed], escaping: Iterable[Ref]
    ) -> tuple[Interior, tuple[TensorRead, ...], tuple[Ref, ...]]:
        """The units with the links between them, the links from and to the border numbered as they first occur."""
        made = {ref: End(u, slot) for u, placed in enumerate(level) for slot, ref in enumerate(placed.gives)}
        reads: dict[Ref, TensorRead] = {}
        shapes: dict[Ref, str] = {}
        old_shapes: dict[Ref, str] = {}
        links = []
        for u, placed in enumerate(level):
            for slot, wire in enumerate(placed.reads):
                if wire.ref not in made:
                    first = reads.setdefault(wire.ref, wire)
                    if first.status != wire.status:  # one is as it was: so is the way to the border
                        reads[wire.ref] = replace(wire, status="")
                shapes[wire.ref] = wire.shape
                old_shapes[wire.ref] = wire.old_shape
                source = made.get(wire.ref) or End(BORDER, list(reads).index(wire.ref))
                links.append(Link(source, End(u, slot), wire.shape, wire.status, wire.old_shape))
        wanted = set(escaping)
        gives = tuple(ref for ref in made if ref in wanted)
        for slot, ref in enumerate(gives):
            end, status = made[ref], _status(level[made[ref].unit].unit)
            status = status if status in ("added", "removed") else ""
            links.append(Link(end, End(BORDER, slot), shapes.get(ref, ""), status, old_shapes.get(ref, "")))
        statuses = {_status(placed.unit) for placed in level}
        if statuses in ({"added"}, {"removed"}):  # all of it, and so the wires to the border
            [status] = statuses
            links = [replace(link, status=status) for link in links]
        costs = [placed.unit.cost for placed in level]
        body = Interior(tuple(p.unit for p in level), tuple(links), _sum(costs))
        return self.bodies.setdefault(body, body), tuple(reads.values()), gives

    def _stretches(self, level: list[_Placed], escaping: set[Ref]) -> list[_Placed]:
        """A long level in stretches of about equal length, each a container of its own."""
        number = min(MOST_UNITS, ceil(len(level) / (MOST_UNITS // 2)))
        cuts = [round(i * len(level) / number) for i in range(number + 1)]
        readers = _readers(level)
        stretches = []
        for start, end in itertools.pairwise(cuts):
            stretch = level[start:end]
            outside = {
                ref for p in stretch for ref in p.gives if ref in escaping or not readers[ref] <= set(range(start, end))
            }
            body, reads, gives = self._linked(stretch, outside)
            label = f"{stretch[0].unit.label} … {stretch[-1].unit.label}"
            stretches.append(_Placed(Unit((), label, f"{len(stretch)} in a row", body), reads, gives))
        return stretches


def _folded(level: list[_Placed], escaping: Iterable[Ref]) -> list[_Placed]:
    """Equal boxes of which each is read by the next alone, as one box."""
    readers = _readers(level)
    for ref in escaping:
        readers.setdefault(ref, set()).add(BORDER)
    runs: list[list[_Placed]] = []
    for i, placed in enumerate(level):
        if runs and _follows(placed, runs[-1][-1], i, readers):
            runs[-1].append(placed)
        else:
            runs.append([placed])
    return [_run(run) if len(run) > 1 else run[0] for run in runs]


def _readers(level: Sequence[_Placed]) -> dict[Ref, set[int]]:
    """Who reads an output, by place."""
    readers: dict[Ref, set[int]] = {}
    for i, placed in enumerate(level):
        for wire in placed.reads:
            readers.setdefault(wire.ref, set()).add(i)
    return readers


def _follows(copy: _Placed, before: _Placed, place: int, readers: Mapping[Ref, set[int]]) -> bool:
    a, b = before.unit, copy.unit
    if a.inside != b.inside or a.kind != b.kind or len(before.reads) != len(copy.reads) or not b.names[0]:
        return False
    if isinstance(b.inside, DrawnLayer) and not b.names[0].isdecimal():  # layers are shown as they are written
        return False
    if a.status != b.status or _NUMBER.sub("#", a.old_name) != _NUMBER.sub("#", b.old_name):
        return False
    chained = [wire.ref in before.gives for wire in copy.reads]
    constant = [wire == earlier for wire, earlier in zip(copy.reads, before.reads, strict=True)]
    only_reader = all(readers.get(ref) == {place} for ref in before.gives)
    return any(chained) and only_reader and all(map(max, chained, constant))


def _run(run: list[_Placed]) -> _Placed:
    names = tuple(name for placed in run for name in placed.unit.names)
    first, last = run[0].unit, run[-1].unit
    between = "–" if names[0].isdecimal() else " … "
    label, old_name = f"{first.label}{between}{last.label}", _old_names(first.old_name, last.old_name)
    unit = Unit(names, label, first.kind, first.inside, old_name, first.status)
    return _Placed(unit, run[0].reads, run[-1].gives)


def _old_names(first: str, last: str) -> str:
    """`layer1.0–2`, of the first and last copy of a run."""
    if first == last:
        return first
    (around, _, number), (last_around, _, last_number) = first.rpartition("."), last.rpartition(".")
    if around == last_around and number.isdecimal() and last_number.isdecimal():
        return f"{first}–{last_number}"
    return f"{first} … {last}"


def _status(unit: Unit) -> str:
    """What happened to all that a box holds; the empty text where that is not one thing."""
    if isinstance(unit.inside, DrawnLayer):
        return unit.inside.status
    statuses = {_status(inner) for inner in unit.inside.units}
    return statuses.pop() if len(statuses) == 1 else ""


def _repeated(body: Interior) -> str:
    """What a repeat is a repeat of: `bottleneck ×36`."""
    kinds = {unit.kind for unit in body.units}
    return f"{kinds.pop()} ×{sum(unit.copies for unit in body.units)}" if len(kinds) == 1 else "repeat"


def _sum(costs: Iterable[Cost]) -> Cost:
    params, flops, activations = 0, _ZERO, _ZERO
    for cost in costs:
        params, flops, activations = params + cost.params, flops + cost.flops, activations + cost.activations
    return Cost(params, flops, activations)


_ZERO: Size = 0
_NUMBER = re.compile(r"\d+")
