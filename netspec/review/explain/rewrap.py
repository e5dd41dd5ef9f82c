"""Layers that are there as before, in other surroundings: in a container, out of it, out of a block or a repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from netspec.frontend.containers import bodies
from netspec.frontend.holds import spelled_out
from netspec.review.explain.renamed_keys import MANY_PAIRS
from netspec.review.explain.tree_diff import TreeEdit
from netspec.review.explain.tree_values import Path, same
from netspec.source.tree import Map, Scalar, Tree

Noted: TypeAlias = dict[TreeEdit, TreeEdit | None]  # an edit -> what is said in its place


@dataclass(frozen=True)
class _Layer:
    """A layer that one side alone has as it is, and the edit that says so."""

    edit: TreeEdit
    tree: Tree

    @property
    def name(self) -> str:
        return self.edit.path[-1]


def rewrapped(edits: Sequence[TreeEdit], before: Map, after: Map) -> list[TreeEdit]:
    """The same edits, with a word at containers that were put around layers, or taken away from them.

    So it is with blocks and repeats that were written out, and with layers that were put into one.  What is told so is
    no edit any more.  `before` and `after` are the documents.
    """
    old, new = _layers(edits, "removed"), _layers(edits, "added")
    noted: Noted = {}
    for parent in dict.fromkeys((*old, *new)):
        left, right = old.get(parent, ()), new.get(parent, ())
        if len(left) * len(right) > MANY_PAIRS:
            continue
        _note_containers(right, left, "around {}", noted)
        _note_containers(left, right, "{} stay", noted)
        _note_blocks(left, right, before, "block {} written out as {}", noted)
        _note_blocks(right, left, after, "block {} in the place of {}", noted)
    renames = {edit.path: edit for edit in edits if edit.kind == "renamed"}
    for edit in edits:
        beside = (old if edit.kind == "added" else new).get(edit.path[:-2], ())
        if edit.path[-1] == "repeat" and edit.holds == "layer" and 0 < len(beside) <= MANY_PAIRS:
            _note_copies(edit, renames.get(edit.path[:-1]), beside, before, after, noted)
    return [told for edit in edits if (told := noted.get(edit, edit)) is not None]


def _layers(edits: Sequence[TreeEdit], kind: str) -> dict[Path, list[_Layer]]:
    """Layers that were added to each mapping or removed from it, and those that are others under their names."""
    found: dict[Path, list[_Layer]] = {}
    for edit in edits:
        tree = edit.before if kind == "removed" else edit.after
        if edit.holds == "layers" and edit.kind in (kind, "changed") and tree is not None:
            found.setdefault(edit.path[:-1], []).append(_Layer(edit, tree))
    return found


def _note_containers(ours: Sequence[_Layer], theirs: Sequence[_Layer], note: str, noted: Noted) -> None:
    """Containers of one side that hold layers of the other as they are."""
    for container in ours:
        inside = [(key, spelled_out(tree)) for key, tree in _inner(container.tree)]
        if not inside or container.edit in noted:
            continue
        held = [
            layer
            for layer in theirs
            if layer.edit not in noted
            and layer.edit is not container.edit
            and any(key == layer.name and same(tree, spelled_out(layer.tree), "layer") for key, tree in inside)
        ]
        _say(container, held, note.format(_names(held)), noted)


def _note_blocks(ours: Sequence[_Layer], theirs: Sequence[_Layer], document: Map, note: str, noted: Noted) -> None:
    """Layers of one side that are a block of its document, and a row of the other's of the types of its layers."""
    for use in ours:
        kind = _type(use.tree)
        layers = _at(document, ("blocks", kind, "layers"))
        if not isinstance(layers, Map) or not layers.entries or use.edit in noted:
            continue
        wanted = [_type(tree) for tree in layers.entries.values()]
        free = [layer for layer in theirs if layer.edit not in noted]
        rows = (free[i : i + len(wanted)] for i in range(len(free) - len(wanted) + 1))
        row = next((row for row in rows if [_type(layer.tree) for layer in row] == wanted), [])
        _say(use, row, note.format(kind, _names(row)), noted)


def _say(layer: _Layer, others: Sequence[_Layer], note: str, noted: Noted) -> None:
    """Tell of the others at one layer, if there are any."""
    if others:
        noted.update((other.edit, None) for other in others)
        noted[layer.edit] = replace(layer.edit, note=note)


def _note_copies(
    edit: TreeEdit, renamed: TreeEdit | None, beside: Sequence[_Layer], before: Map, after: Map, noted: Noted
) -> None:
    """A repeat that came, went or is another number, and the layers beside it that are its copies."""
    here = edit.path[:-1]
    tree = _at(before, renamed.old_path if renamed else here) if edit.kind == "added" else _at(after, here)
    copies = [layer for layer in beside if _is_copy(layer.tree, tree) and layer.edit not in noted]
    if edit.kind == "changed":
        for layer in copies:
            noted[layer.edit] = replace(layer.edit, note=f"as {here[-1]}")
        return
    count = edit.after if edit.kind == "added" else edit.before
    if not copies or count is None or count.plain() != len(copies) + 1:
        return
    one = renamed.old_path[-1] if renamed and edit.kind == "added" else here[-1]
    names = ", ".join([one, *(layer.name for layer in copies)])
    note = f"in the place of {names}" if edit.kind == "added" else f"written out as {names}"
    noted.update((layer.edit, None) for layer in copies)
    noted[edit] = replace(edit, note=note)
    if renamed is not None:  # the whole layer is of another name
        noted[renamed] = None
        was, now = (None, renamed.after) if edit.kind == "added" else (renamed.before, None)
        path = here if edit.kind == "added" else renamed.old_path
        noted[edit] = TreeEdit(edit.kind, path, was, now, edit.span, "layers", edit.entry, note=note)


def _is_copy(tree: Tree, repeated: Tree | None) -> bool:
    """Whether a layer is one copy of a repeated one, or of what was one."""
    if not isinstance(repeated, Map):
        return False
    entries = {key: value for key, value in repeated.entries.items() if key != "repeat"}
    return same(spelled_out(tree), Map(entries, repeated.span, repeated.key_spans), "layer")


def _names(layers: Sequence[_Layer]) -> str:
    return ", ".join(layer.name for layer in layers)


def _inner(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """The layers in a container, at any depth."""
    for body in bodies(tree):
        for key, value in body.entries.items():
            yield key, value
            yield from _inner(value)


def _at(tree: Tree | None, path: Path) -> Tree | None:
    for key in path:
        tree = tree.below(key) if tree is not None else None
    return tree


def _type(tree: Tree) -> str:
    kind = tree.get("type") if isinstance(tree, Map) else tree
    return str(kind.value) if isinstance(kind, Scalar) else ""
