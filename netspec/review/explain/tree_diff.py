"""What was edited between two located trees, key by key: values, names, order.

Text that differs only in comments, layout, order of keys or short forms is no edit.  A name that another has in its
place is a rename where the values are equal or alike; what refers to it by the new name follows, and is no edit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from netspec.frontend.containers import bodies
from netspec.frontend.holds import NAMED, inside
from netspec.review.explain.renamed_keys import renamed_keys
from netspec.review.explain.renames import Renames
from netspec.review.explain.tree_values import Path, leaves, same, short, written_out
from netspec.source.text import Span
from netspec.source.tree import Items, Map, Scalar, Tree

Kind = Literal["added", "removed", "changed", "renamed", "moved", "order"]

SHORT_LIST = 60  # characters of a list that is shown whole
_ENTRIES = frozenset({"vars", "inputs", "blocks", "cells", "layers", "outputs", "branches"})
_ORDERED = frozenset({"inputs", "outputs", "branches", "state"})  # `layers`: where it wires
_NAMED = NAMED | {"equations"}  # those are made mappings here
_END = "\n"  # no name has one


@dataclass(frozen=True)
class TreeEdit:
    """One difference.  `path` is the newer one, of what is removed the older; `old_path` where it was before."""

    kind: Kind
    path: Path
    before: Tree | None
    after: Tree | None
    span: Span
    holds: str  # what the mapping holds that the key stands in
    entry: Span | None  # the name of the layer, block, variable … that the value belongs to
    old_path: Path = ()
    names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # before and after: keys in another order, other files
    note: str = ""  # what else is to say: `around hidden, act`


class TreeDiff:
    """The edits between trees, in the order of the newer; renames of one pass are followed by the next."""

    def __init__(self, renames: Renames) -> None:
        self.known, self.renames = renames, Renames()
        self.edits: list[TreeEdit] = []

    def value(self, a: Tree, b: Tree, path: Path, holds: str, entry: Span | None) -> None:
        """Edits of the value under a key; `holds` is what the mapping holds that the key stands in."""
        key = path[-1]
        old, new = written_out(a, holds, key), written_out(b, holds, key)
        if not isinstance(old, Map) and (same(old, new) or self.known.followed(old, new, holds, key)):
            return
        if isinstance(old, Map) and isinstance(new, Map):
            if not self.replaced(old, new):
                self.maps(old, new, path, inside(holds, key), entry)
                return
        elif isinstance(old, Items) and isinstance(new, Items) and self.lists(old, new, path, entry):
            return
        self.edits.append(TreeEdit("changed", path, a, b, b.span, holds, entry))

    def replaced(self, old: Map, new: Map) -> bool:
        """Whether one is of another type than the other, and no container: then it is shown whole."""
        a, b = old.get("type"), new.get("type")
        other = a is not None and b is not None and not same(a, b) and not self.known.followed(a, b, "", "type")
        return other and not (any(bodies(old)) and any(bodies(new)))

    def maps(self, before: Map, after: Map, path: Path, holds: str, entry: Span | None) -> None:
        """Edits between two mappings that stand for each other."""
        if not holds:  # of a section that only one of them has every entry is added or removed
            before, after = _with_sections(before, after), _with_sections(after, before)
        if holds in ("state", "weights"):
            before, after = _ungrouped(before), _ungrouped(after)
        renamed = self.renamed(before, after, path, holds)
        new_name = {key: renamed.get(key, key) for key in before.entries if key in renamed or key in after}
        old_name = {new: old for old, new in new_name.items()}
        removed = deque(key for key in before.entries if key not in new_name)
        position = {key: i for i, key in enumerate(before.entries)}

        def own(tree: Map, key: str) -> Span | None:
            return tree.key_span(key) if holds in _ENTRIES else entry

        def drop(key: str) -> None:
            tree, span = before.entries[key], before.key_span(key)
            self.edits.append(TreeEdit("removed", (*path, key), tree, None, span, holds, own(before, key)))

        for key, tree in after.entries.items():
            old = old_name.get(key)
            if old is None:
                span = after.key_span(key)
                self.edits.append(TreeEdit("added", (*path, key), None, tree, span, holds, own(after, key)))
                continue
            while removed and position[removed[0]] < position[old]:
                drop(removed.popleft())
            if old != key and not self.follows(holds, old, key):
                self.renames.note(holds, path, old, key)
                here, was = (*path, key), (*path, old)
                span = after.key_span(key)
                self.edits.append(
                    TreeEdit("renamed", here, before.entries[old], tree, span, holds, own(after, key), old_path=was)
                )
            self.value(before.entries[old], tree, (*path, key), holds, own(after, key))
        for key in removed:
            drop(key)
        self.order(before, after, new_name, path, holds, entry)

    def follows(self, holds: str, old: str, new: str) -> bool:
        """Whether a key has another name because what it names has: an argument of a block, a weight of a cell."""
        return holds == "layer" or (holds == "other" and new in self.known.names.get("equation", {}).get(old, ()))

    def renamed(self, before: Map, after: Map, path: Path, holds: str) -> dict[str, str]:
        """old key -> new key; what the pass before this one found is not searched again."""
        kind = after.get("type") if holds == "layer" else None
        if isinstance(kind, Scalar):
            names = self.known.arguments.get(str(kind.value), {})
            return {old: new for old, new in names.items() if old in before and new in after and new not in before}
        if holds not in _NAMED or path in self.known.solved:
            return self.known.solved.get(path, {})
        renamed = renamed_keys(before, after, holds, lambda a, b: self.known.followed(a, b, holds, ""))
        removed, added = (len(a.entries.keys() - b.entries.keys()) for a, b in ((before, after), (after, before)))
        if len(renamed) == min(removed, added):
            self.renames.solved[path] = renamed
        return renamed

    def order(
        self, before: Map, after: Map, new_name: Mapping[str, str], path: Path, holds: str, entry: Span | None
    ) -> None:
        """The order of keys, where it says something: what a layer without `from` reads, or the order of ports."""
        old, kept = list(new_name.values()), set(new_name.values())
        new = [key for key in after.entries if key in kept]
        if old == new or holds not in (*_ORDERED, "layers"):
            return
        if holds == "layers":
            old_key = {new: old for old, new in new_name.items()}
            chained = {k for k in new if _reads_above(after.entries[k]) or _reads_above(before.entries[old_key[k]])}
            above_old, above_new = _above(old), _above(new)
            if all(above_old[key] == above_new[key] for key in (*chained, _END)):
                return
        shorter = min(len(old), len(new))
        first = next(i for i in range(shorter) if old[i] != new[i])
        last = next(i for i in range(1, shorter + 1) if old[-i] != new[-i]) - 1
        window = slice(first, len(new) - last)
        span = after.key_span(new[first])
        trees = (before, after)
        self.edits.append(
            TreeEdit("order", path, *trees, span, holds, entry, names=(tuple(old[window]), tuple(new[window])))
        )

    def lists(self, old: Items, new: Items, path: Path, entry: Span | None) -> bool:
        """Edits of the items of a list; False for one that is better shown whole."""
        if path[-1] == "equations":
            before, after = (_by_target(items) for items in (old, new))
            if len(before.entries) == len(old.items) and len(after.entries) == len(new.items):
                self.maps(before, after, path, "equations", entry)
                return True
        if path == ("include",):
            self.paths(old, new, entry)
            return True
        if path[-1] == "from" or max(len(short(old)), len(short(new))) <= SHORT_LIST:
            return False
        a, b = ([frozenset(leaves(item)) for item in items.items] for items in (old, new))
        for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
            if tag == "replace" and j - i == m - k:
                for n, (x, y) in enumerate(zip(old.items[i:j], new.items[k:m], strict=True)):
                    self.value(x, y, (*path, str(k + n)), "other", entry)
                continue
            for n in range(i, j) if tag != "equal" else ():
                item = old.items[n]
                self.edits.append(TreeEdit("removed", (*path, str(n)), item, None, item.span, "other", entry))
            for n in range(k, m) if tag != "equal" else ():
                item = new.items[n]
                self.edits.append(TreeEdit("added", (*path, str(n)), None, item, item.span, "other", entry))
        return True

    def paths(self, old: Items, new: Items, entry: Span | None) -> None:
        """Files that are included no more, or newly; one in the place of one is a change."""
        gone = [i for i in old.items if not any(same(i, other) for other in new.items)]
        come = [i for i in new.items if not any(same(i, other) for other in old.items)]
        if len(gone) == len(come) == 1:
            self.edits.append(TreeEdit("changed", ("include",), gone[0], come[0], come[0].span, "", entry))
            return
        self.edits += [TreeEdit("removed", ("include",), i, None, i.span, "", entry) for i in gone]
        self.edits += [TreeEdit("added", ("include",), None, i, i.span, "", entry) for i in come]


def edits_between(pairs: Iterable[tuple[Tree, Tree, Path, str]]) -> list[TreeEdit]:
    """Edits of trees that stand for each other, each with the path to it and what the mapping around it holds."""
    pairs = list(pairs)
    first = _pass(pairs, Renames())
    return _pass(pairs, first.renames).edits if first.renames.names else first.edits  # renames are followed


def _pass(pairs: Iterable[tuple[Tree, Tree, Path, str]], known: Renames) -> TreeDiff:
    diff = TreeDiff(known)
    for a, b, path, holds in pairs:
        if path:
            diff.value(a, b, path, holds, None)
        elif isinstance(a, Map) and isinstance(b, Map):
            diff.maps(a, b, (), "", None)
    return diff


def _reads_above(tree: Tree) -> bool:
    """Whether a layer reads what stands above it: it has no `from`."""
    return not (isinstance(tree, Map) and "from" in tree)


def _above(order: list[str]) -> dict[str, str]:
    """name -> the name above it, empty text for none; the last is above the end."""
    return dict(zip((*order, _END), ("", *order), strict=True))


def _by_target(equations: Items) -> Map:
    """`h[t]` -> the value that its equation gives it."""
    values: dict[str, Tree] = {}
    spans: dict[str, Span] = {}
    for item in equations.items:
        target, _, value = str(item.plain()).partition("=")
        start = len(target) + 1 + len(value) - len(value.lstrip())
        inset = item.inset if isinstance(item, Scalar) else 0
        where = item.span.within(inset + start, inset + len(str(item.plain())))
        values[target.strip()], spans[target.strip()] = Scalar(value.strip(), where), item.span
    return Map(values, equations.span, spans)


def _with_sections(root: Map, other: Map) -> Map:
    """A document with an empty section for each of names that only the other one has."""
    empty = {
        key: Map({}, other.key_span(key))
        for key, tree in other.entries.items()
        if key not in root and inside("", key) in NAMED and isinstance(tree, Map)
    }
    return Map({**root.entries, **empty}, root.span, {**root.key_spans, **{key: m.span for key, m in empty.items()}})


def _ungrouped(tree: Map) -> Map:
    """`W_f, W_i: …` as two entries."""
    entries: dict[str, Tree] = {}
    spans: dict[str, Span] = {}
    for group, value in tree.entries.items():
        for name in group.split(","):
            entries[name.strip()], spans[name.strip()] = value, tree.key_span(group)
    return Map(entries, tree.span, spans)
