"""Why two sides differ, as it is written: the changes of their text, each with its place.

The same file on both sides is compared file by file, as it is written; of two different files the trees with all that
they extend and include put in, unless they differ in less as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netspec.frontend.files import WrittenFile
from netspec.frontend.holds import inside
from netspec.review.difference import Cause, Side
from netspec.review.explain.renamed_keys import ALIKE
from netspec.review.explain.rewrap import rewrapped
from netspec.review.explain.tree_diff import TreeEdit, edits_between
from netspec.review.explain.tree_values import Path, likeness, same, short
from netspec.source.tree import Map, Tree

_MOVABLE = ("vars", "blocks", "cells")  # sections that another file can hold
SAME_FILE = 0.7  # share of equal values from which on a file under another name is the same, renamed


def causes(before: Side, after: Side) -> list[Cause]:
    """Every change of the text, in its order; none where a side is not there."""
    if before.document is None or after.document is None:
        return []
    written = list(_written(before, after))
    others = [cause for cause in written if cause.path in ("extends", "include")]
    if not written or (before.main == after.main and not others):
        return written
    merged = merged_causes(before, after)
    if before.main == after.main:  # what was taken out of a file, and is there again through another
        merged = [*others, *merged]
    return merged if len(merged) < len(written) else written


def merged_causes(before: Side, after: Side) -> list[Cause]:
    """The changes between the trees with all that the files extend and include put in."""
    if before.document is None or after.document is None:
        return []
    return tree_causes(before, after, before.document.root, after.document.root)


def tree_causes(before: Side, after: Side, old: Map, new: Map) -> list[Cause]:
    """The changes between two trees that are made of the files of two sides."""
    files = {source: name for side in (before, after) for name, source in side.files.items()}
    causes = []
    for edit in rewrapped(edits_between([(old, new, (), "")]), old, new):
        name = files.get(edit.span.source, "")
        causes.append(_cause(edit, "" if name in (before.main, after.main) else name))
    return causes


@dataclass(frozen=True)
class _FileEdit:
    file: str
    edit: TreeEdit


def _written(before: Side, after: Side) -> Iterator[Cause]:
    """The changes of each file, those that only one side reads being explained by what names them."""
    assert before.document is not None and after.document is not None
    old, new = dict(before.document.files), dict(after.document.files)
    pairs = _file_pairs(before, after, old, new)
    edits: list[_FileEdit] = []
    for name, old_name in pairs.items():
        if old[old_name].source.lines != new[name].source.lines:
            shown = "" if name == after.main else name
            edits += [_FileEdit(shown, e) for e in edits_between([(old[old_name].tree, new[name].tree, (), "")])]
    only_old = {name: file for name, file in old.items() if name not in pairs.values()}
    only_new = {name: file for name, file in new.items() if name not in pairs}
    edits = _moved_between_files(edits, only_old, only_new, before.main, after.main)
    for file in dict.fromkeys(item.file for item in edits):
        for edit in rewrapped(
            [item.edit for item in edits if item.file == file], before.document.root, after.document.root
        ):
            yield _cause(edit, file)


def _file_pairs(
    before: Side, after: Side, old: Mapping[str, WrittenFile], new: Mapping[str, WrittenFile]
) -> dict[str, str]:
    """File of the newer side -> the same file of the older; one that was renamed is alike."""
    pairs = {after.main: before.main} | {name: name for name in new if name in old and name != after.main}
    for name in [name for name in new if name not in pairs]:
        rest = [other for other in old if other not in pairs.values()]
        scores = {other: likeness(old[other].tree, new[name].tree, "") for other in rest}
        best = max(scores, key=lambda other: scores[other], default="")
        if best and scores[best] >= SAME_FILE:
            pairs[name] = best
    return pairs


def _moved_between_files(
    edits: list[_FileEdit],
    only_old: Mapping[str, WrittenFile],
    only_new: Mapping[str, WrittenFile],
    main_before: str,
    main_after: str,
) -> list[_FileEdit]:
    """Blocks, cells and variables that another file holds now: one change each, and none for the `include`."""
    removed = {(e.edit.path, e.file or main_before): e.edit for e in edits if _is(e.edit, "removed")}
    added = {(e.edit.path, e.file or main_after): e.edit for e in edits if _is(e.edit, "added")}
    removed_trees = {key: edit.before for key, edit in removed.items()} | dict(_definitions(only_old))
    added_trees = {key: edit.after for key, edit in added.items()} | dict(_definitions(only_new))
    moves: list[_FileEdit] = []
    explained: set[TreeEdit] = set()
    includes: set[str] = set()
    for (path, file), tree in added_trees.items():
        old_file = next((f for p, f in removed_trees if p == path and f != file), None)
        old = removed_trees.get((path, old_file)) if old_file else None
        if old_file is None or old is None or tree is None or (file in only_new and old_file in only_old):
            continue
        if not same(old, tree, inside(path[0], path[1])) and likeness(old, tree, inside(path[0], path[1])) < ALIKE:
            continue
        shown = "" if file == main_after else file
        span = tree.span if (path, file) not in added else added[path, file].span
        moves.append(
            _FileEdit(shown, TreeEdit("moved", path, old, tree, span, path[0], span, names=((old_file,), (file,))))
        )
        moves += [_FileEdit(shown, e) for e in edits_between([(old, tree, path, path[0])])]
        explained |= {edit for edit in (added.get((path, file)), removed.get((path, old_file))) if edit}
        includes |= {file, old_file}
    unexplained = [e for e in edits if e.edit not in explained and not _includes(e.edit, includes)]
    return unexplained + moves


def _is(edit: TreeEdit, kind: str) -> bool:
    return edit.kind == kind and len(edit.path) == 2 and edit.path[0] in _MOVABLE


def _definitions(files: Mapping[str, WrittenFile]) -> Iterator[tuple[tuple[Path, str], Tree]]:
    """What files hold that others can take in."""
    for name, file in files.items():
        for section in _MOVABLE:
            tree = file.tree.get(section)
            for key, value in tree.entries.items() if isinstance(tree, Map) else ():
                yield ((section, key), name), value


def _includes(edit: TreeEdit, files: set[str]) -> bool:
    """Whether an edit only names files that something moved to, or from."""
    trees = [tree for tree in (edit.before, edit.after) if tree is not None]
    return edit.path == ("include",) and all(set(_names(tree)) <= files for tree in trees)


def _names(tree: Tree) -> list[str]:
    plain = tree.plain()
    return [str(name) for name in plain] if isinstance(plain, list) else [str(plain)]


def _cause(edit: TreeEdit, file: str) -> Cause:
    inner = inside(edit.holds, edit.path[-1])
    before, after = (None if tree is None else short(tree, inner) for tree in (edit.before, edit.after))
    if edit.kind == "renamed":
        before, after = edit.old_path[-1], edit.path[-1]
    elif edit.kind in ("order", "moved"):
        before, after = (", ".join(names) for names in edit.names)
    return Cause(".".join(edit.path), before, after, edit.span, file, edit.kind, edit.entry, edit.note)
