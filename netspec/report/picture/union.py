"""Two networks in one picture: what is in both once, what was removed where it stood.

Names are those of the network after; what is told of a container's inside is told without them, so that copies that
changed alike are equal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from netspec.graph.model import Input, Node, Ref
from netspec.report.picture.layers import container_kinds, facts, output_facts, output_item, path_of, short_shape, wires
from netspec.report.picture.tree import MERGE, DrawnLayer, Facts, Interior, Item, Path, TensorRead, tree
from netspec.review.difference import Difference, LayerChange
from netspec.review.yaml_text import value_text

GONE = " (before)"  # behind the name of what was removed, where another thing has its name


class Union:
    """The picture of a difference."""

    def __init__(self, difference: Difference) -> None:
        matching = difference.matching
        self.matching, self.before, self.after = matching, matching.before, matching.after
        self.new = {**matching.names, **matching.inputs}
        self.old = {new: old for old, new in self.new.items()}
        changes = [*difference.layers, *difference.affected]
        self.changes = {change.after.name: change for change in changes if change.after}
        self.leaves = {path_of(self.after, node) for node in self.after.nodes()}
        self.containers = {path[:i] for path in self.leaves for i in range(1, len(path))}

    def tree(self) -> Interior:
        return tree([*self.layers(), *self.outputs()], self.kinds(), self.old_names(), self.statuses())

    def path(self, change: LayerChange) -> Path:
        """Where a changed layer stands in the picture."""
        if change.after is not None:
            return path_of(self.after, change.after)
        assert change.before is not None  # a change has one side at least
        return self._path(change.before)

    def layers(self) -> Iterator[Item]:
        """In the order of the network after, each removed layer before what it stood before."""
        removed = deque(node for node in self.before.nodes() if node.name not in self.new)
        position = {node.name: i for i, node in enumerate(self.before.nodes())}
        for node in self.after.nodes():
            old = self.old.get(node.name)
            while removed and old is not None and position[removed[0].name] < position[old]:
                yield self._removed(removed.popleft())
            yield self._kept(node, self.before[old]) if old is not None else self._added(node)
        yield from map(self._removed, removed)

    def _added(self, node: Node) -> Item:
        reads = tuple(replace(wire, status="added") for wire in wires(self.after, node))
        return Item(node.name, path_of(self.after, node), DrawnLayer(None, facts(self.after, node), "added"), reads)

    def _removed(self, node: Node) -> Item:
        reads = tuple(TensorRead(self._ref(wire.ref), wire.shape, "removed") for wire in wires(self.before, node))
        path = self._path(node)
        label = path[-1].removesuffix(GONE) or node.kind
        return Item(self._key(node.name), path, DrawnLayer(facts(self.before, node), None, "removed"), reads, label)

    def _kept(self, node: Node, old: Node) -> Item:
        change = self.changes.get(node.name)
        was, now = facts(self.before, old), facts(self.after, node)
        status = change.status if change else ""
        if not change and isinstance(node.layer, Input):
            status = "renamed" if old.name != node.name else "changed" if _text(was) != _text(now) else ""
        changes = _changes(change, node) if change else ()
        same = not status and _text(was) == _text(now)
        path = path_of(self.after, node)
        old_name = self._old_name(old.name, node.name) if path[-1] != MERGE else ""  # its container says it
        leaf = DrawnLayer(None if same else was, now, status, old_name, changes)
        return Item(node.name, path, leaf, self._reads(node, old, change))

    def _reads(self, node: Node, old: Node, change: LayerChange | None) -> tuple[TensorRead, ...]:
        """What the layer reads now, and what it read and reads no more.

        One that reads past what was added or removed is told by the wires of that alone.
        """
        now = [self._resized(wire) for wire in wires(self.after, node)]
        before = [TensorRead(self._ref(wire.ref), wire.shape, "removed") for wire in wires(self.before, old)]
        was = {wire.ref for wire in before}
        gone = [wire for wire in before if wire.ref not in {wire.ref for wire in now}]
        past = change is not None and any(effect.what == "from" for effect in change.effects)
        if past:
            gone = [wire for wire in gone if wire.ref.node not in self.after]
        old_wire = [wire.ref in was or (past and wire.ref.node in self.old) for wire in now]
        return (*(w if kept else replace(w, status="added") for w, kept in zip(now, old_wire, strict=True)), *gone)

    def _resized(self, wire: TensorRead) -> TensorRead:
        """With the shape that the tensor had before, where that was another."""
        old = self.old.get(wire.ref.node)
        type_ = self.before[old].outputs.get(wire.ref.port) if old is not None else None
        old_shape = short_shape(type_) if type_ else ""
        return replace(wire, old_shape=old_shape) if old_shape != wire.shape else wire

    def outputs(self) -> Iterator[Item]:
        old = {new: name for name, new in self.matching.outputs.items()}
        for name, ref in self.after.outputs.items():
            now = output_facts(self.after, ref)
            if name not in old:
                yield output_item(name, ref, DrawnLayer(None, now, "added"), "added")
                continue
            was_ref = self.before.outputs[old[name]]
            was, was_read = output_facts(self.before, was_ref), self._ref(was_ref)
            status = "renamed" if old[name] != name else "changed" if was != now or was_read != ref else ""
            leaf = DrawnLayer(was if status else None, now, status, old[name] if status == "renamed" else "")
            item = output_item(name, ref, leaf)
            item = replace(item, wires=tuple(map(self._resized, item.wires)))
            if was_read != ref:
                shape = short_shape(self.before.type_of(was_ref))
                added = tuple(replace(wire, status="added") for wire in item.wires)
                item = replace(item, wires=(*added, TensorRead(was_read, shape, "removed")))
            yield item
        for name, ref in self.before.outputs.items():
            if name not in self.matching.outputs:
                leaf = DrawnLayer(output_facts(self.before, ref), None, "removed")
                gone = output_item(name, self._ref(ref), leaf, "removed")
                yield replace(gone, name=gone.name + GONE, path=(gone.path[0] + GONE,))

    def kinds(self) -> Mapping[Path, str]:
        """Of all containers; those that were removed stand where their layers do."""
        kinds = dict(container_kinds(self.after))
        for path, kind in container_kinds(self.before).items():
            kinds.setdefault(self._container(path), kind)
        return kinds

    def old_names(self) -> Mapping[Path, str]:
        """What containers were called."""
        pairs = self.matching.containers.items()
        names = {tuple(new.split(".")): self._old_name(old, new) for old, new in pairs}
        return {path: name for path, name in names.items() if name}

    def _old_name(self, old: str, new: str) -> str:
        """Its own name before, in full where it stood elsewhere, and a copy's with that of the stack; empty where it
        was the same."""
        (around, _, last), (new_around, _, new_last) = old.rpartition("."), new.rpartition(".")
        if self.matching.containers.get(around, around) != new_around:
            return old
        if last == new_last:
            return ""
        return f"{around.rpartition('.')[2]}.{last}" if last.isdecimal() and around else last

    def statuses(self) -> Mapping[Path, str]:
        """Containers that one network alone has."""
        kept = set(self.matching.containers.values())
        added = {path: "added" for path in container_kinds(self.after) if ".".join(path) not in kept}
        old = (path for path in container_kinds(self.before) if ".".join(path) not in self.matching.containers)
        removed = {path: "removed" for path in map(self._container, old) if path not in self.containers}
        return removed | added

    def _key(self, name: str) -> str:
        """A layer of the network before by a name that no layer of the one after has."""
        return self.new.get(name) or f"{name}{GONE}"

    def _ref(self, ref: Ref) -> Ref:
        return Ref(self._key(ref.node), ref.port)

    def _path(self, node: Node) -> Path:
        """Where a removed layer stands: in the container that its own is now."""
        before = path_of(self.before, node)
        path: Path = ()
        for part in self._container(before[:-1]):
            path = (*path, part)
            path = (*path[:-1], part + GONE) if path in self.leaves else path
        path = (*path, before[-1])
        return (*path[:-1], before[-1] + GONE) if path in self.leaves | self.containers else path

    def _container(self, path: Path) -> Path:
        for length in range(len(path), 0, -1):
            new = self.matching.containers.get(".".join(path[:length]))
            if new is not None:
                return (*new.split("."), *path[length:])
        return path


def _changes(change: LayerChange, node: Node) -> tuple[tuple[str, str, str], ...]:
    """What was written differently, names in the container around the layer without it."""
    around = node.name.rpartition(".")[0]
    written = (c for c in change.changes if c.what != "name")
    return tuple((c.what, _shown(c.before, around), _shown(c.after, around)) for c in written)


def _shown(value: Any, around: str) -> str:
    text = "" if value is None else value_text(value)
    return text.replace(f"{around}.", "") if around else text


def _text(facts: Facts) -> Facts:
    """Without the place in the text, which moves when other lines change."""
    return replace(facts, lines=None)
