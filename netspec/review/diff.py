"""What changed between two networks: layers added, removed, renamed, changed, and those that are affected by it.

A layer is the same when its name is.  Of the rest, a layer that went and one that came are one renamed when they are
alike and stand alike: the same kind and parameters, and the same neighbour on at least one side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from netspec.cells.language.cell import Cell
from netspec.graph.cost import Cost, cost_of, total
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.recurrent import CellLayer
from netspec.source.records import fields_of

MANY = 100_000  # pairs of layers


@dataclass(frozen=True)
class Change:
    """One value before and after; None: it was not there."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class LayerDiff:
    """One layer in both networks or in one of them."""

    status: str  # added | removed | renamed | changed | ripple
    before: Node | None
    after: Node | None
    changes: tuple[Change, ...] = ()  # what was written differently
    effects: tuple[Change, ...] = ()  # what follows: shape, params, flops

    @property
    def name(self) -> str:
        node = self.after or self.before
        return node.name if node else ""


@dataclass
class Diff:
    """The difference of two networks; empty when they are the same."""

    before: Graph
    after: Graph
    layers: list[LayerDiff] = field(default_factory=list)
    interface: list[Change] = field(default_factory=list)  # inputs and outputs of the network
    totals: list[Change] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.layers or self.interface)

    def of(self, status: str) -> list[LayerDiff]:
        return [d for d in self.layers if d.status == status]


def diff(before: Graph, after: Graph) -> Diff:
    """Compare two networks."""
    pairs = _pairs(before, after)
    new_name = {a.name: b.name for a, b in pairs}
    old_costs, new_costs = ({n.name: cost_of(g, n) for n in g.layers()} for g in (before, after))
    paired = {b.name: a for a, b in pairs}
    result = Diff(before, after)
    gone = {n.name for n in before.layers()} - set(new_name)
    removed = deque(n for n in before.layers() if n.name in gone)
    place = {name: i for i, name in enumerate(n.name for n in before.nodes())}
    for node in after.layers():
        old = paired.get(node.name)
        while removed and old is not None and place[removed[0].name] < place[old.name]:
            result.layers.append(LayerDiff("removed", removed.popleft(), None))
        if old is None:
            result.layers.append(LayerDiff("added", None, node))
            continue
        changes = list(_changes(old, node, new_name))
        effects = list(_effects(old, node, old_costs[old.name], new_costs[node.name]))
        if not _same_reads(old, node, new_name) and _follows(old, node, before, after, new_name):
            changes.remove(_reads(old, node))
            effects.insert(0, _reads(old, node))
        status = "renamed" if old.name != node.name else "changed" if changes else "ripple" if effects else ""
        if status:
            result.layers.append(LayerDiff(status, old, node, tuple(changes), tuple(effects)))
    result.layers += [LayerDiff("removed", n, None) for n in removed]
    result.interface = list(_interface(before, after, new_name))
    result.totals = list(_totals(total(before), total(after)))
    return result


def _pairs(before: Graph, after: Graph) -> list[tuple[Node, Node]]:
    """The layers that are in both, each with itself: by name, then by likeness."""
    same = [(before[n.name], n) for n in after.layers() if n.name in before and n.name not in before.inputs]
    known = {b.name for _, b in same}
    old = [n for n in before.layers() if n.name not in known]
    new = [n for n in after.layers() if n.name not in known]
    names = {a.name: b.name for a, b in same} | {n: n for n in before.inputs}
    renamed: list[tuple[Node, Node]] = []
    candidates = [(old[i], new[j]) for i, j in _alike([_signature(n) for n in old], [_signature(n) for n in new])]
    for a, b in candidates:
        names[a.name] = b.name
    for a, b in candidates:
        if _stand_alike(a, b, before, after, names):
            renamed.append((a, b))
    return same + renamed + _moved(renamed, old, new)


def _alike(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int]]:
    """Places of equal values in the same order; what begins and ends alike is not searched, which takes a square."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    last = next((i for i in range(shorter - first) if old[-1 - i] != new[-1 - i]), shorter - first)
    yield from zip(range(first), range(first), strict=True)
    a, b = old[first : len(old) - last], new[first : len(new) - last]
    matcher = SequenceMatcher(None, a, b, autojunk=len(a) * len(b) > MANY)  # then what is common decides nothing
    for i, j, size in matcher.get_matching_blocks():
        yield from ((first + i + k, first + j + k) for k in range(size))
    yield from ((len(old) - k, len(new) - k) for k in range(last, 0, -1))


def _moved(renamed: list[tuple[Node, Node]], old: list[Node], new: list[Node]) -> list[tuple[Node, Node]]:
    """Layers of a group that was renamed as a whole: `stage1.0.conv` is `phase1.0.conv`, changed as it may be."""
    groups = dict(_group(a.name, b.name) for a, b in renamed)
    taken = {a.name for a, _ in renamed}, {b.name for _, b in renamed}
    coming = {n.name: n for n in new if n.name not in taken[1]}
    found = []
    for node in old:
        parts = node.name.split(".")
        for i in range(1, len(parts)):
            group = groups.get(".".join(parts[:i]))
            name = ".".join([group, *parts[i:]]) if group else ""
            if node.name not in taken[0] and name in coming:
                found.append((node, coming.pop(name)))
                break
    return found


def _group(a: str, b: str) -> tuple[str, str]:
    """What differs of two paths: all but the end that they share."""
    left, right = a.split("."), b.split(".")
    while len(left) > 1 and len(right) > 1 and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return ".".join(left), ".".join(right)


def _signature(node: Node) -> tuple[str, str]:
    return node.kind, repr(node.layer)


def _stand_alike(a: Node, b: Node, before: Graph, after: Graph, names: dict[str, str]) -> bool:
    reads = [names.get(r.node) for r in a.inputs] == [r.node for r in b.inputs]
    readers = [names.get(c) for c in before.consumers(a.name)]
    read_by = bool(readers) and readers == after.consumers(b.name)
    return reads or read_by


def _changes(old: Node, new: Node, names: dict[str, str]) -> Iterator[Change]:
    """What is written differently about a layer."""
    if old.name != new.name:
        yield Change("name", old.name, new.name)
    if old.kind != new.kind:
        yield Change("type", old.kind, new.kind)
    before, after = _fields(old), _fields(new)
    for key in dict.fromkeys((*before, *after)):
        if old.kind == new.kind and before.get(key) != after.get(key):
            yield Change(key, before.get(key), after.get(key))
        elif old.kind != new.kind and key in before and key in after and before[key] != after[key]:
            yield Change(key, before[key], after[key])
    if isinstance(old.layer, CellLayer) and isinstance(new.layer, CellLayer):
        yield from _cell_changes(old.layer.the_cell, new.layer.the_cell)
    if not _same_reads(old, new, names):
        yield _reads(old, new)
    if names.get(old.share, old.share) != new.share:
        yield Change("share", old.share or None, new.share or None)
    if dict(old.init) != dict(new.init):
        yield Change("init", _init(old), _init(new))
    if old.freeze != new.freeze:
        yield Change("freeze", old.freeze, new.freeze)


def _cell_changes(old: Cell, new: Cell) -> Iterator[Change]:
    """What is written differently about a cell of one name."""
    if old.name != new.name or old == new:
        return
    before, after = old.text.splitlines(), new.text.splitlines()
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Change(f"cell {new.name}", _lines(before[i:j]), _lines(after[k:m]))


def _lines(lines: list[str]) -> str | None:
    return "; ".join(line.strip().removeprefix("- ") for line in lines) or None


def _same_reads(old: Node, new: Node, names: dict[str, str]) -> bool:
    return [Ref(names.get(r.node, r.node), r.port) for r in old.inputs] == list(new.inputs)


def _reads(old: Node, new: Node) -> Change:
    return Change("from", ", ".join(map(str, old.inputs)), ", ".join(map(str, new.inputs)))


def _follows(old: Node, new: Node, before: Graph, after: Graph, names: dict[str, str]) -> bool:
    """Whether other inputs are read only because a layer between went or came."""
    known = set(names.values())

    def kept_old(ref: Ref) -> Ref:
        while ref.node not in names and ref.node not in before.inputs and before[ref.node].inputs:
            ref = before[ref.node].inputs[0]
        return Ref(names.get(ref.node, ref.node), ref.port)

    def kept_new(ref: Ref) -> Ref:
        while ref.node not in known and ref.node not in after.inputs and after[ref.node].inputs:
            ref = after[ref.node].inputs[0]
        return ref

    return [kept_old(r) for r in old.inputs] == [kept_new(r) for r in new.inputs]


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node.layer, name) for name in fields_of(type(node.layer))}


def _init(node: Node) -> str | None:
    return ", ".join(f"{k}: {v}" for k, v in node.init.items()) or None


def _effects(old: Node, new: Node, before: Cost, after: Cost) -> Iterator[Change]:
    for port, type_ in new.outputs.items():
        was = old.outputs.get(port)
        if was != type_:
            yield Change("shape" if not port else f"shape of {port}", str(was) if was else None, str(type_))
    yield from _totals(before, after)


def _totals(before: Cost, after: Cost) -> Iterator[Change]:
    for what in ("params", "flops", "activations"):
        a, b = getattr(before, what), getattr(after, what)
        if a != b:
            yield Change(what, a, b)


def _interface(before: Graph, after: Graph, names: dict[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before.inputs, *after.inputs)):
        a, b = before.inputs.get(name), after.inputs.get(name)
        if a != b:
            yield Change(f"input {name}", _typed(a), _typed(b))
    if before.lengths.text() != after.lengths.text():
        yield Change("lengths", before.lengths.text() or None, after.lengths.text() or None)
    old, new = before.output_types(), after.output_types()
    for name in dict.fromkeys((*old, *new)):
        was, now = before.outputs.get(name), after.outputs.get(name)
        moved = was and now and Ref(names.get(was.node, was.node), was.port) != now
        if old.get(name) != new.get(name) or moved:
            yield Change(f"output {name}", _typed(old.get(name), was), _typed(new.get(name), now))


def _typed(type_: Any, ref: Ref | None = None) -> str | None:
    if type_ is None:
        return None
    dtype = "" if type_.dtype == "float32" else f" {type_.dtype}"
    return f"{type_}{dtype}" + (f" from {ref}" if ref else "")
