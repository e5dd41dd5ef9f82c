"""What changed about one layer, and about the inputs, outputs and totals of a network."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from netspec.cells.language.cell import Cell
from netspec.graph.cost import Cost
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.recurrent import CellLayer
from netspec.review.difference import Change
from netspec.source.records import fields_of


def written_changes(old: Node, new: Node, names: dict[str, str]) -> Iterator[Change]:
    """What is written differently about a layer; `names`: old name -> new one, of the layers in both networks."""
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
    if not same_reads(old, new, names):
        yield reads(old, new)
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


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node.layer, name) for name in fields_of(type(node.layer))}


def _init(node: Node) -> str | None:
    return ", ".join(f"{k}: {v}" for k, v in node.init.items()) or None


def same_reads(old: Node, new: Node, names: dict[str, str]) -> bool:
    """Whether a layer reads the same layers as before."""
    return [Ref(names.get(r.node, r.node), r.port) for r in old.inputs] == list(new.inputs)


def reads(old: Node, new: Node) -> Change:
    """What a layer reads, before and after."""
    return Change("from", ", ".join(map(str, old.inputs)), ", ".join(map(str, new.inputs)))


def reads_past_others(old: Node, new: Node, before: Graph, after: Graph, names: dict[str, str]) -> bool:
    """Whether a layer reads other layers only because one between was added or removed."""
    paired = set(names.values())

    def source_before(ref: Ref) -> Ref:
        while ref.node not in names and ref.node not in before.inputs and before[ref.node].inputs:
            ref = before[ref.node].inputs[0]
        return Ref(names.get(ref.node, ref.node), ref.port)

    def source_after(ref: Ref) -> Ref:
        while ref.node not in paired and ref.node not in after.inputs and after[ref.node].inputs:
            ref = after[ref.node].inputs[0]
        return ref

    return [source_before(r) for r in old.inputs] == [source_after(r) for r in new.inputs]


def effects(old: Node, new: Node, before: Cost, after: Cost) -> Iterator[Change]:
    """Shapes and costs that are others now."""
    for port, type_ in new.outputs.items():
        was = old.outputs.get(port)
        if was != type_:
            yield Change("shape" if not port else f"shape of {port}", str(was) if was else None, str(type_))
    yield from cost_changes(before, after)


def cost_changes(before: Cost, after: Cost) -> Iterator[Change]:
    """Parameters, FLOPs and activations, of a layer or of a network."""
    for quantity in ("params", "flops", "activations"):
        a, b = getattr(before, quantity), getattr(after, quantity)
        if a != b:
            yield Change(quantity, a, b)


def interface_changes(before: Graph, after: Graph, names: dict[str, str]) -> Iterator[Change]:
    """Inputs, lengths and outputs of the network."""
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
