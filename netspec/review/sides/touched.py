"""Every network that two states of a repository have differently, also through what they include and extend."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netspec.review.difference import Side
from netspec.review.sides.snapshot import SUFFIXES, Named, Snapshot, revision_snapshot, working_snapshot
from netspec.source.errors import NetspecError, Problem
from netspec.source.git import check_revision, git, objects
from netspec.source.text import LINE_BREAK

Status = Literal["new", "deleted", "renamed", "changed"]


@dataclass(frozen=True)
class TouchedNetwork:
    """One network of a range, its sides, or what is wrong with one of them."""

    path: str  # from the top of the repository; of a deleted one as it was
    status: Status
    before_name: str
    after_name: str
    files: tuple[str, ...]  # what changed of all that it reads, as it is called now
    sides: tuple[Side, Side] | None
    problems: tuple[Problem, ...] = ()
    has_network: bool = True  # one of the sides is a network; else a fragment that no network reads, or broken


class NoNetworkError(NetspecError):
    """NS101: neither state has a netspec file at a path that was asked for, or anywhere; the problem names the path."""


@dataclass(frozen=True)
class ChangedFile:
    """A file before and after; empty: it was not there, or is not any more."""

    before: str
    after: str


def touched(before: str, after: str | None, paths: Sequence[str] = ()) -> Iterator[TouchedNetwork]:
    """The networks that differ in text between a revision and another, or the working tree (None), in order of paths.

    A network is touched when a file that it reads has changed; `paths` (from the current folder, files and folders)
    leave those that stand there, or read a file there that changed.  A file that is no network by itself is given when
    no network reads it.  Raises NS101 for what git cannot answer, and NoNetworkError.
    """
    for revision in (before, after or ""):
        check_revision(revision, revision)
    prefix = git(before, "rev-parse", "--show-prefix").decode(errors="surrogateescape").strip("\n")
    below = [_from_top(path, prefix) for path in paths]
    with objects(before) as store:
        known: Named = {}
        here = posixpath.relpath(".", prefix or ".")
        old = revision_snapshot(store, before, Path(here), here, known)
        if after is None:
            new = working_snapshot(Path(here), here, known)
        else:
            new = revision_snapshot(store, after, Path(here), here, known)
        for path, part in zip(paths, below, strict=True):
            if not _is_asked_of_one(part, old, new):
                raise _no_network(path, before, after)
        if not paths and not _is_asked_of_one("", old, new):
            raise _no_network("", before, after)
        changed = [file for file in _changed_files(before, after) if _other_text(file, old, new)]
        files, read_by_others = _touched_files(old, new, changed, below)
        for file in files:
            network = _read(file, old, new, changed)
            if network.has_network or network.path not in read_by_others:
                yield network


def _is_asked_of_one(part: str, old: Snapshot, new: Snapshot) -> bool:
    """Whether a netspec file stands at a path or below it in either state, or reads the file that stands there."""
    states = (new, old)
    for state in states:
        below = (path for path in state.paths if path == part or (path.endswith(SUFFIXES) and _stands([part], {path})))
        if any(state.named(path) is not None for path in below):
            return True
    return any(part in state.reads(path) for state in states if part in state.paths for path in state.files())


def _no_network(path: str, before: str, after: str | None) -> NoNetworkError:
    there = f"{'there, ' if path else ''}in {before} or in {after or 'the working tree'}"
    hint = "" if after is not None else "`git add` makes a new file known to git"
    return NoNetworkError("NS101", f"git knows of no netspec file {there}", name=path, hint=hint)


def _changed_files(before: str, after: str | None) -> list[ChangedFile]:
    """What git says has changed, renames as renames."""
    options = ["--raw", "-z", "--find-renames", "--no-relative", "--ignore-submodules=all"]
    options += ["--no-ext-diff", "--no-textconv"]  # netspec may be what is configured there
    revisions = (before,) if after is None else (before, after)
    answer = git(before, "diff", *options, *revisions, "--").decode(errors="surrogateescape")
    parts = iter(answer.split("\0"))
    changed: dict[ChangedFile, None] = {}
    for head in parts:
        if not head:
            continue
        status, path = head.split()[4], next(parts)
        if status[0] in "RC":
            changed[ChangedFile(path if status[0] == "R" else "", next(parts))] = None
        else:
            changed[ChangedFile("" if status[0] == "A" else path, "" if status[0] == "D" else path)] = None
    return list(changed)


def _other_text(file: ChangedFile, old: Snapshot, new: Snapshot) -> bool:
    """Whether the text differs, line ends apart: git names files whose time is another one, too."""
    if file.before != file.after:
        return True
    a, b = old.data(file.before), new.data(file.after)
    return a is None or b is None or (a != b and _lines(a) != _lines(b))


def _lines(data: bytes) -> list[str]:
    return LINE_BREAK.split(data.decode(errors="replace").removeprefix("\ufeff"))


def _touched_files(
    old: Snapshot, new: Snapshot, changed: Sequence[ChangedFile], below: Sequence[str]
) -> tuple[list[ChangedFile], set[str]]:
    """The netspec files that read what changed, in order; and of all files those that others of them read."""
    before_of = {file.after: file.before for file in changed if file.before and file.after}
    old_paths = {file.before for file in changed if file.before}
    new_paths = {file.after for file in changed if file.after}
    touched: list[ChangedFile] = []
    read_by_others: set[str] = set()
    named = [
        path for path in below if path in new.paths and not path.endswith(SUFFIXES) and new.named(path) is not None
    ]
    renamed = [
        path
        for path, was in before_of.items()
        if not path.endswith(SUFFIXES) and was.endswith(SUFFIXES) and new.named(path) is not None
    ]
    for path in dict.fromkeys((*new.files(), *named, *renamed)):
        was = before_of.get(path, path if path in old.paths and old.named(path) is not None else "")
        reads_old, reads_new = (old.reads(was) if was else frozenset[str]()), new.reads(path)
        hits = reads_new & new_paths | reads_old & old_paths
        if hits:
            read_by_others |= (reads_new | reads_old) - {path, was}
            if _stands(below, {path, was, *hits}):
                touched.append(ChangedFile(was, path))
    still = {file.before for file in touched}
    for path in old_paths - still - new.paths:
        if old.named(path) is not None and _stands(below, {path}):
            touched.append(ChangedFile(path, ""))
            read_by_others |= old.reads(path) - {path}
    return sorted(touched, key=lambda file: file.after or file.before), read_by_others


def _read(file: ChangedFile, old: Snapshot, new: Snapshot, changed: Sequence[ChangedFile]) -> TouchedNetwork:
    reads_old = old.reads(file.before) if file.before else frozenset[str]()
    reads_new = new.reads(file.after) if file.after else frozenset[str]()
    files = tuple(sorted({f.after or f.before for f in changed if f.after in reads_new or f.before in reads_old}))
    status: Status = "new" if not file.before else "deleted" if not file.after else "changed"
    if file.before and file.after and file.before != file.after:
        status = "renamed"
    sides: list[Side] = []
    problems: list[Problem] = []
    for snapshot, path, other in ((old, file.before, file.after), (new, file.after, file.before)):
        try:
            sides.append(snapshot.side(path or other))
        except NetspecError as error:
            problems += error.problems
    has_network = any(side.spec is not None for side in sides)
    names = old.name(file.before or file.after), new.name(file.after or file.before)
    both = (sides[0], sides[1]) if len(sides) == 2 else None
    return TouchedNetwork(file.after or file.before, status, *names, files, both, tuple(problems), has_network)


def _from_top(path: str, prefix: str) -> str:
    """A path from the current folder as it counts from the top; empty text for the top itself."""
    from_here = os.path.relpath(path) if posixpath.isabs(path) else path
    from_top = posixpath.normpath(posixpath.join(prefix, from_here))
    if from_top.split("/")[0] == "..":
        raise NetspecError("NS101", "is outside of the repository", name=path, hint="name a file or folder in it")
    return "" if from_top == "." else from_top


def _stands(below: Sequence[str], paths: set[str]) -> bool:
    """Whether one of the paths is asked for, or stands in a folder that is; all do when none was asked for."""
    return not below or any(not part or path == part or path.startswith(f"{part}/") for part in below for path in paths)
