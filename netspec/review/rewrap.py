"""Layers that are there as before, in other surroundings: wrapped in a container, unwrapped, a block written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netspec.frontend.containers import bodies
from netspec.frontend.holds import spelled_out
from netspec.review.tree_diff import Edit, Path
from netspec.review.tree_values import same
from netspec.source.tree import Map, Scalar, Tree


def rewrapped(edits: Sequence[Edit], before: Map, after: Map) -> list[Edit]:
    """The same edits, with a word at containers that were put around layers, or taken away from them.

    So it is with layers that were written out of a block, or put into one.  What is told so is no edit any more.
    `before` and `after` are the documents, whose blocks layers name.
    """
    removed = _by_parent(edits, "removed")
    added = _by_parent(edits, "added")
    noted: dict[Edit, Edit | None] = {}  # an edit -> what is said in its place
    for ours, theirs, word in ((added, removed, "around"), (removed, added, "left")):
        for parent, containers in ours.items():
            for edit in (edit for edit in containers if any(_inner(_tree(edit)))):
                kept = [other for other in theirs.get(parent, ()) if other not in noted and _holds(_tree(edit), other)]
                if kept:
                    names = ", ".join(other.path[-1] for other in kept)
                    noted[edit] = replace(edit, note=f"around {names}" if word == "around" else f"{names} stay")
                    noted.update(dict.fromkeys(kept))
    for ours, theirs, document, note in (
        (removed, added, before, "block {} written out as {}"),
        (added, removed, after, "block {} in the place of {}"),
    ):
        for parent, uses in ours.items():
            for edit in (edit for edit in uses if edit not in noted and _at(document, ("blocks", _type(_tree(edit))))):
                rest = [other for other in theirs.get(parent, ()) if other not in noted]
                block, stretch = _written_out(edit, rest, document)
                if stretch:
                    names = ", ".join(other.path[-1] for other in stretch)
                    noted[edit] = replace(edit, note=note.format(block, names))
                    noted.update(dict.fromkeys(stretch))
    for edit, repeated in _taken_out(edits, added, after):
        noted.setdefault(edit, replace(edit, note=f"as {repeated}"))
    return [said for edit in edits if (said := noted.get(edit, edit)) is not None]


def _taken_out(
    edits: Sequence[Edit], added: Mapping[Path, Sequence[Edit]], document: Map
) -> Iterator[tuple[Edit, str]]:
    """Layers that were added and are a copy of a repeated one beside them, of which there are more or fewer now."""
    for edit in edits:
        *parent, name, key = ("", "", *edit.path)
        if key != "repeat" or edit.kind != "changed":
            continue
        repeated = _without_repeat(_at(document, (*parent[2:], name)))
        for other in added.get(tuple(parent[2:]), ()):
            if repeated is not None and same(spelled_out(_tree(other)), repeated, "layer"):
                yield other, name


def _without_repeat(tree: Tree | None) -> Map | None:
    if not isinstance(tree, Map):
        return None
    return Map({key: value for key, value in tree.entries.items() if key != "repeat"}, tree.span, tree.key_spans)


def _at(tree: Tree | None, path: Path) -> Tree | None:
    for key in path:
        tree = tree.below(key) if tree is not None else None
    return tree


def _by_parent(edits: Sequence[Edit], kind: str) -> Mapping[Path, list[Edit]]:
    """Path of the mapping -> layers that were added to it, or removed."""
    grouped: dict[Path, list[Edit]] = {}
    for edit in edits:
        if edit.kind == kind and edit.holds == "layers":
            grouped.setdefault(edit.path[:-1], []).append(edit)
    return grouped


def _tree(edit: Edit) -> Tree:
    tree = edit.after or edit.before
    assert tree is not None  # an edit has one of them
    return tree


def _holds(container: Tree, edit: Edit) -> bool:
    """Whether a container holds a layer as it is, at any depth."""
    return any(
        key == edit.path[-1] and same(spelled_out(tree), spelled_out(_tree(edit)), "layer")
        for key, tree in _inner(container)
    )


def _inner(tree: Tree) -> Iterator[tuple[str, Tree]]:
    for body in bodies(tree):
        for key, value in body.entries.items():
            yield key, value
            yield from _inner(value)
    branches = tree.get("branches") if isinstance(tree, Map) else None
    for path in branches.entries.values() if isinstance(branches, Map) else ():
        for key, value in path.entries.items() if isinstance(path, Map) else ():
            yield key, value
            yield from _inner(value)


def _written_out(use: Edit, others: Sequence[Edit], document: Map) -> tuple[str, Sequence[Edit]]:
    """The block that a layer is of, and edits in one row of the types of its layers, where there are such."""
    kind = _type(_tree(use))
    blocks = document.get("blocks")
    block = blocks.get(kind) if isinstance(blocks, Map) else None
    layers = block.get("layers") if isinstance(block, Map) else None
    if not isinstance(layers, Map) or not layers.entries:
        return kind, ()
    wanted = [_type(tree) for tree in layers.entries.values()]
    for i in range(len(others) - len(wanted) + 1):
        stretch = others[i : i + len(wanted)]
        if [_type(_tree(edit)) for edit in stretch] == wanted:
            return kind, stretch
    return kind, ()


def _type(tree: Tree) -> str:
    kind = tree.get("type") if isinstance(tree, Map) else tree
    return str(kind.value) if isinstance(kind, Scalar) else ""
