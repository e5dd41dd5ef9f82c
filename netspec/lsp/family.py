"""A file and all that it extends and includes, read as far as that goes: what names stand for needs no valid file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netspec.frontend.files import MAX_FILES, Files, with_included
from netspec.frontend.overlay import overlay
from netspec.lsp.buffers import real
from netspec.lsp.mend import mended
from netspec.source.errors import NetspecError, Problems
from netspec.source.file_tree import FileTree
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree

NAMED_MAPS = ("vars", "inputs", "blocks", "cells", "layers", "outputs", "budget", "data", "train")


@dataclass(frozen=True)
class Member:
    """One file of a family: its text, and its own tree."""

    path: Path  # without links
    source: Source
    tree: Map


@dataclass
class Family:
    """`merged` is the root file with its parents under it and what it includes."""

    root: Member
    merged: Map
    members: dict[Path, Member] = field(default_factory=dict)

    def names(self, word: str) -> bool:
        """Whether a word stands anywhere in its texts."""
        return any(word in member.source.text for member in self.members.values())

    def at(self, *path: str) -> Tree | None:
        """What the merged document has at a path."""
        return below(self.merged, path)


def below(tree: Tree | None, path: tuple[str, ...]) -> Tree | None:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Map) else None
    return tree


def read_family(source: Source, path: Path, tree: FileTree, earlier: Mapping[Path, Member]) -> Family:
    """`earlier` are members of an earlier reading: one whose text is the same is not parsed again."""
    return _Reading(tree, earlier).family(source, path)


def named_files(tree: Map) -> Iterator[tuple[str, Scalar]]:
    """The paths that `extends` and `include` give, with the key."""
    for key in ("extends", "include"):
        named = tree.get(key)
        for item in named.items if isinstance(named, Items) else [named]:
            if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
                yield key, item


class _Reading:
    def __init__(self, tree: FileTree, earlier: Mapping[Path, Member]) -> None:
        self.files, self.earlier = Files(tree), earlier
        self.members: dict[Path, Member] = {}
        self.merged: dict[Path, Map] = {}

    def family(self, source: Source, path: Path) -> Family:
        root = self.member(real(path), source)
        merged = self.merge(root, path.parent, (root.path,))
        return Family(root, merged, self.members)

    def member(self, path: Path, source: Source) -> Member:
        member = self.earlier.get(path)
        if member is None or member.source.text != source.text or member.source.name != source.name:
            span = Span(source, 1, 1, 1, 1)
            member = Member(path, source, mended(source) or Map({}, span))
        self.members[path] = member
        return member

    def merge(self, member: Member, folder: Path, above: tuple[Path, ...]) -> Map:
        tree = member.tree
        sections = {k: v for k, v in tree.entries.items() if isinstance(v, Map) or k not in NAMED_MAPS}
        document = Map(sections, tree.span, tree.key_spans)
        others: dict[str, list[Map]] = {"extends": [], "include": []}
        for key, item in named_files(tree):
            other = self.other(item, folder, key, above)
            if other is not None:
                others[key].append(other)
        ignored: list[Problems] = [Problems(), Problems()]
        try:
            document = with_included(document, others["include"], ignored[0])
            for base in others["extends"]:
                document = overlay(base, document, ignored[1])
        except NetspecError:  # a hundred problems: the file alone is what can be told
            pass
        return document

    def other(self, item: Scalar, folder: Path, key: str, above: tuple[Path, ...]) -> Map | None:
        """Another file, merged; None where it cannot be read or leads back here."""
        path = folder / item.value
        try:
            target = self.files.inside(item.value, path, folder, key, item.span)
            if target in above or (target not in self.members and len(self.members) >= MAX_FILES):
                return None
            if target not in self.merged:
                member = self.member(target, self.files.tree.read(path))
                self.merged[target] = self.merge(member, path.parent, (*above, target))
            return self.merged[target]
        except NetspecError:
            return None
