"""The netspec files of a revision, or of the working tree, and the files that each of them reads."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from netspec.review.difference import Side
from netspec.review.sides.side import read_side, side_of_tree
from netspec.source.errors import NetspecError
from netspec.source.file_tree import Disk, FileTree
from netspec.source.git import FOLDER, Objects, git
from netspec.source.git_tree import GitTree, index_tree, revision_tree
from netspec.source.netspec_file import is_netspec
from netspec.source.tree import MAX_BYTES, Items, Scalar, parse, text_of

SUFFIXES = (".yaml", ".yml")
Named: TypeAlias = dict[bytes, tuple[str, ...]]  # text -> the paths that it extends and includes, as it is written


@dataclass
class Snapshot:
    """One state of a repository; paths count from its top.

    `revision` is None for the working tree, whose files are those that git knows of.  `here` is the way from the
    current folder to the top, for names in messages.
    """

    tree: FileTree
    top: Path
    here: str
    revision: str | None
    paths: frozenset[str]
    known: Named  # of either state: most files are the same in both
    _reads: dict[str, frozenset[str]] = field(default_factory=dict)

    def data(self, path: str) -> bytes | None:
        """The bytes of a file, at most one more than a netspec file has; None where there is none."""
        if isinstance(self.tree, GitTree):
            try:
                entry = self.tree.entry(self.tree.real(Path(path)))
            except OSError:
                return None
            return None if entry is None or entry.mode == FOLDER else self.tree.objects.blob(entry.hash)
        try:
            file = self.top / path
            if not file.is_file():
                return None
            with file.open("rb") as opened:
                return opened.read(MAX_BYTES + 1)
        except OSError:
            return None

    def named(self, path: str) -> tuple[str, ...] | None:
        """The paths that a file extends and includes, as it is written; None for what is no netspec file."""
        data = self.data(path)
        if data is None or not is_netspec(data):
            return None
        if data not in self.known:
            self.known[data] = _named(data, path)
        return self.known[data]

    def reads(self, path: str) -> frozenset[str]:
        """Every file that a netspec file needs, itself included, under its own name and without links."""
        if path not in self._reads:
            self._reads[path] = frozenset(self._closure(path))
        return self._reads[path]

    def _closure(self, path: str) -> set[str]:
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            file = waiting.pop()
            if file in seen:
                continue
            seen.add(file)
            folder = posixpath.dirname(file)
            waiting += [posixpath.normpath(posixpath.join(folder, path)) for path in self.named(file) or ()]
        return seen | {self._real(file) for file in seen}

    def _real(self, path: str) -> str:
        try:
            if isinstance(self.tree, GitTree):
                return self.tree.real(Path(path)).as_posix()
            return os.path.relpath(self.tree.real(self.top / path), self.top)
        except (OSError, RuntimeError, ValueError):
            return path

    def files(self) -> Iterator[str]:
        """The netspec files, in order."""
        for path in sorted(self.paths):
            if path.endswith(SUFFIXES) and self.named(path) is not None:
                yield path

    def name(self, path: str) -> str:
        """A file as a user would name it from the current folder."""
        if self.revision is not None:
            return f"{self.revision}:{path}"
        return os.path.relpath(posixpath.join(self.here, path))

    def side(self, path: str) -> Side:
        """A file of this state as a side; one without a network where it is not there.  Raises as `read_side` does."""
        name = self.name(path)
        if isinstance(self.tree, GitTree):
            return side_of_tree(name, self.tree, Path(path))
        return read_side(name)


def revision_snapshot(objects: Objects, revision: str, top: Path, here: str, known: Named) -> Snapshot:
    """The files of a revision.  Raises NS101 for one that git does not know."""
    tree = revision_tree(objects, revision, revision)
    listing = git(revision, "ls-tree", "-r", "-z", "--full-tree", "--name-only", tree.top)
    return Snapshot(tree, top, here, revision, _paths(listing), known)


def working_snapshot(top: Path, here: str, known: Named) -> Snapshot:
    """The files of the working tree that git knows of."""
    listing = git("the working tree", "ls-files", "-z", "--full-name", ":/")
    paths = frozenset(path for path in _paths(listing) if not path.endswith(SUFFIXES) or (top / path).exists())
    return Snapshot(Disk(), top, here, None, paths, known)


def index_snapshot(objects: Objects, top: Path, here: str, known: Named) -> Snapshot:
    """The files of the index, which is the revision without a name."""
    tree = index_tree(objects, "the index")
    listing = git("the index", "ls-files", "-z", "--full-name", ":/")
    return Snapshot(tree, top, here, "", _paths(listing), known)


def _paths(listing: bytes) -> frozenset[str]:
    return frozenset(listing.decode(errors="surrogateescape").split("\0")) - {""}


def _named(data: bytes, path: str) -> tuple[str, ...]:
    if b"extends" not in data and b"include" not in data:
        return ()
    try:
        tree = parse(text_of(data, path))
    except NetspecError:
        return ()
    include = tree.below("include")
    parts = [tree.below("extends"), *(include.items if isinstance(include, Items) else [include])]
    paths = [part.value for part in parts if isinstance(part, Scalar) and isinstance(part.value, str)]
    return tuple(path for path in paths if not path.startswith("/"))
