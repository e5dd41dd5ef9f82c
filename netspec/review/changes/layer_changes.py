"""What changed about the layers that are in both networks, and which are in one of them alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from netspec.cells.language.cell import Cell
from netspec.graph.cost import cost_of
from netspec.graph.meaning import Meanings, weight_names
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.arithmetic import Multiply
from netspec.layers.recurrent import CellLayer
from netspec.review.difference import Change, LayerChange, Matching
from netspec.review.yaml_text import init_text
from netspec.source.records import fields_of

ALIKE = 0.5  # share of equal lines from which on a cell of another name is a changed one
COSTS = ("params", "flops", "activations")


def layer_changes(matching: Matching) -> tuple[list[LayerChange], list[LayerChange]]:
    """The layers that changed, and those that are affected by it alone.

    They come in the order of the network after, each removed one before what it stood before.
    """
    before, after, names = matching.before, matching.after, matching.names
    old_name = {new: old for old, new in names.items()}
    position = {node.name: i for i, node in enumerate(before.nodes())}
    removed = deque(node for node in before.layers() if node.name not in names)
    new_ref, meanings = _Refs(matching), Meanings()
    changed: list[LayerChange] = []
    affected: list[LayerChange] = []
    for node in after.layers():
        old = before[old_name[node.name]] if node.name in old_name else None
        while removed and old is not None and position[removed[0].name] < position[old.name]:
            changed.append(LayerChange("removed", removed.popleft(), None))
        if old is None:
            changed.append(LayerChange("added", None, node))
            continue
        changes = [*_written(matching, old, node), *_equations(matching, meanings, old, node)]
        effects = list(_effects(old, node, before, after))
        if (rewiring := new_ref.rewiring(old, node)) is not None:
            (effects if new_ref.past_others(old, node) else changes).insert(0, rewiring)
        if old.name != node.name or changes:
            status = "renamed" if old.name != node.name else "changed"
            changed.append(LayerChange(status, old, node, tuple(changes), tuple(effects)))
        elif effects:
            affected.append(LayerChange("affected", old, node, (), tuple(effects)))
    changed += [LayerChange("removed", node, None) for node in removed]
    return changed, affected


def set_fields(node: Node) -> dict[str, Any]:
    """The fields of a layer that are not at their defaults."""
    declared = fields_of(type(node.layer)).items()
    values = ((name, getattr(node.layer, name), field) for name, field in declared)
    return {name: value for name, value, field in values if field.required or not _equal(value, field.default)}


def _written(matching: Matching, old: Node, new: Node) -> Iterator[Change]:
    """What is written differently about a layer, apart from its name and what it reads."""
    before, after, names = matching.before, matching.after, matching.names
    if old.kind != new.kind:
        yield Change("type", old.kind, new.kind)
        yield from _changed_keys("", set_fields(old), set_fields(new))
    elif old.layer != new.layer:
        fields = fields_of(type(new.layer))
        yield from _changed_keys("", *({name: getattr(node.layer, name) for name in fields} for node in (old, new)))
    if names.get(old.share, old.share) != new.share:
        yield Change("share", old.share or None, new.share or None)
    if old.init or new.init:
        inits = ({name: init_text(init) for name, init in node.init.items()} for node in (old, new))
        yield from _changed_keys("init.", *inits)
    if old.freeze != new.freeze and (before.weights_of(old) or after.weights_of(new)):
        yield Change("freeze", old.freeze, new.freeze)


def _changed_keys(prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        if not _equal(before.get(key), after.get(key)):
            yield Change(f"{prefix}{key}", before.get(key), after.get(key))


def _equal(a: Any, b: Any) -> bool:
    """Whether two values of a field are the same; `[1, 1]` is what 1 is for two axes."""
    if isinstance(a, tuple) and isinstance(b, int):
        return set(a) == {b}
    return bool(a == b or (isinstance(b, tuple) and isinstance(a, int) and _equal(b, a)))


def _equations(matching: Matching, meanings: Meanings, old: Node, new: Node) -> Iterator[Change]:
    """What a recurrent cell computes differently, whatever it is called and in whatever order its terms stand."""
    if not (isinstance(old.layer, CellLayer) and isinstance(new.layer, CellLayer)):
        return
    if meanings.of(matching.before, old) == meanings.of(matching.after, new):
        yield from _cell_inits(matching, old, new)
        return
    if old.kind != new.kind:
        return
    cells = old.layer.the_cell, new.layer.the_cell
    before, after = (cell.text.splitlines() for cell in cells)
    shown = [_as_written(cell) for cell in cells]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if cells[0].name != cells[1].name and matcher.ratio() < ALIKE:
        return  # another cell, whose name says more than its lines
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield Change("equations", "; ".join(shown[0][i:j]) or None, "; ".join(shown[1][k:m]) or None)


def _cell_inits(matching: Matching, old: Node, new: Node) -> Iterator[Change]:
    """How a cell says that its weights begin, each beside the weight that is used alike, whatever that is called."""
    mine, its = _names_in_cell(matching.before, old), _names_in_cell(matching.after, new)
    pairs = zip(weight_names(matching.before, old), weight_names(matching.after, new), strict=True)
    inits = [
        {name: init_text(init) for name, init in node.layer.cell_inits().items()}
        for node in (old, new)
        if isinstance(node.layer, CellLayer)
    ]
    for name, other in dict.fromkeys((mine[a], its[b]) for a, b in pairs if a in mine and b in its):
        was, now = inits[0].get(name), inits[1].get(other)
        if was != now and name == other:
            yield Change(f"init.{name}", was, now)
        elif was != now:
            both = Change(f"init.{name}", was, None), Change(f"init.{other}", None, now)
            yield from (change for change in both if change.before != change.after)


def _names_in_cell(graph: Graph, node: Node) -> dict[str, str]:
    """Weight of a recurrent layer -> what its cell calls it; learned states are none of the cell's."""
    assert isinstance(node.layer, CellLayer)
    stack = node.layer.stack(graph.input_types(node)[0])
    return {full: name for row in range(stack.rows) for name, full in stack.names(row).items()}


def _as_written(cell: Cell) -> list[str]:
    """The lines of `Cell.text`, the equations as the file has them."""
    lines = [line.strip() for line in cell.text.splitlines()]
    return [*lines[: len(lines) - len(cell.equations)], *(str(e.text.value) for e in cell.equations)]


def _effects(old: Node, new: Node, before: Graph, after: Graph) -> Iterator[Change]:
    """Shapes and costs that are others now."""
    for port in dict.fromkeys((*old.outputs, *new.outputs)):
        was, now = old.outputs.get(port), new.outputs.get(port)
        if was != now:
            shapes = (None if type_ is None else str(type_) for type_ in (was, now))
            yield Change(f"shape of {port}" if port else "shape", *shapes)
    same = old.layer == new.layer and old.outputs == new.outputs and not (old.share or new.share)
    if same and before.input_types(old) == after.input_types(new) and not isinstance(new.layer, Multiply):
        return
    was_cost, cost = cost_of(before, old), cost_of(after, new)
    for quantity in COSTS:
        if getattr(was_cost, quantity) != getattr(cost, quantity):
            yield Change(quantity, getattr(was_cost, quantity), getattr(cost, quantity))


class _Refs:
    """What layers read, before and after, in the names of both networks."""

    def __init__(self, matching: Matching) -> None:
        self.before, self.after = matching.before, matching.after
        self.names = {**matching.inputs, **matching.names}
        self.matched = set(self.names.values())
        self.behind_removed: dict[str, frozenset[Ref]] = {}
        self.behind_added: dict[str, frozenset[Ref]] = {}

    def rewiring(self, old: Node, new: Node) -> Change | None:
        """The layers that one reads, where they are others than before."""
        if [self.renamed(ref) for ref in old.inputs] == list(new.inputs):
            return None
        return Change("from", ", ".join(map(str, old.inputs)), ", ".join(map(str, new.inputs)))

    def renamed(self, ref: Ref) -> Ref:
        return Ref(self.names.get(ref.node, ref.node), ref.port)

    def past_others(self, old: Node, new: Node) -> bool:
        """Whether a layer reads others only because layers between were added or removed: nobody wrote that change."""
        matched_before = [self.renamed(ref) for ref in old.inputs if ref.node in self.names]
        if len(old.inputs) != len(new.inputs):  # paths that were added or removed with all their layers
            return matched_before == [ref for ref in new.inputs if ref.node in self.matched]
        for was, now in zip(old.inputs, new.inputs, strict=True):
            if was.node in self.names and now.node in self.matched:
                if self.renamed(was) != now:
                    return False
            elif not self.sources_before(was) & self.sources_after(now):
                return False
        return True

    def sources_before(self, ref: Ref) -> frozenset[Ref]:
        """The outputs of layers in both networks that lead here through removed layers alone, by their new names."""
        sources = _sources(self.before, ref, self.names, self.behind_removed)
        return frozenset(map(self.renamed, sources))

    def sources_after(self, ref: Ref) -> frozenset[Ref]:
        """The outputs of layers in both networks that lead here through added layers alone."""
        return _sources(self.after, ref, self.matched, self.behind_added)


def _sources(
    graph: Graph, ref: Ref, matched: Mapping[str, str] | set[str], known: dict[str, frozenset[Ref]]
) -> frozenset[Ref]:
    """What of `matched` leads to a reference; `known` holds the answers for layers that are passed."""
    stack = [ref.node]
    while stack:
        name = stack[-1]
        if name in matched or name in known:
            stack.pop()
            continue
        waiting = [r.node for r in graph[name].inputs if r.node not in matched and r.node not in known]
        if waiting:
            stack += waiting
        else:
            reads = (frozenset((r,)) if r.node in matched else known[r.node] for r in graph[name].inputs)
            known[name] = frozenset().union(*reads)
            stack.pop()
    return frozenset((ref,)) if ref.node in matched else known[ref.node]
