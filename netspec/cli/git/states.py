"""Which two states of the repository a diff driver was called for.

git hands over two contents and their hashes.  What a network includes and extends has to be of the same two states, so
they are sought: those that the calling command names, the index and the working tree, and commits that made this very
change.  A state counts only where it has the content that was handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netspec.cli.git.patch import Content
from netspec.review.sides.revisions import is_revision, revisions
from netspec.review.sides.snapshot import Named, Snapshot, index_snapshot, revision_snapshot, working_snapshot
from netspec.source.errors import NetspecError
from netspec.source.file_tree import Disk, FileTree
from netspec.source.git import Objects, git
from netspec.source.git_tree import GitTree, index_tree, revision_tree

WORKING_TREE, INDEX = "working tree", "index"
_HISTORY = ("show", "log", "whatchanged", "reflog")


@dataclass(frozen=True)
class State:
    """A state by its name, a revision where it is neither of the above, and its files."""

    name: str
    files: FileTree


def states(objects: Objects, before: Content, after: Content, command: Sequence[str]) -> tuple[State, State] | None:
    """Both states; None where no pair of states has both contents.  `command` is what git was called with."""
    known: dict[str, State] = {}
    for pair in _candidates(before, after, command):
        pair_states = [_state(name, objects, known) for name in pair]
        for first, second in (pair_states, pair_states[::-1]):  # `git diff -R` compares the other way round
            if first and second and _has(first, before) and _has(second, after):
                return first, second
    return None


def snapshot(state: State, objects: Objects, known: Named) -> Snapshot:
    """All netspec files of a state, seen from the top of the repository."""
    if state.name == WORKING_TREE:
        return working_snapshot(Path(), ".", known)
    if state.name == INDEX:
        return index_snapshot(objects, Path(), ".", known)
    return revision_snapshot(objects, state.name, Path(), ".", known)


def _state(name: str, objects: Objects, known: dict[str, State]) -> State | None:
    if name not in known:
        try:
            if name == WORKING_TREE:
                known[name] = State(name, Disk())
            else:
                tree = index_tree(objects, name) if name == INDEX else revision_tree(objects, name, name)
                known[name] = State(name, tree)
        except NetspecError:  # no such revision
            return None
    return known[name]


def _has(state: State, content: Content) -> bool:
    """Whether the content is that of its path in a state."""
    path = Path(content.path)
    if not isinstance(state.files, GitTree):  # git reads the working tree in its place, unless the content is an object
        return not path.exists() if content.absent else content.file == content.path or _same(path, content)
    entry = state.files.entry(path)
    return entry is None if content.absent else entry is not None and entry.hash == content.hash


def _same(path: Path, content: Content) -> bool:
    try:
        return path.read_bytes() == content.read()
    except OSError:
        return False


def _candidates(before: Content, after: Content, command: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from _named(command)
    yield from ((INDEX, WORKING_TREE), ("HEAD", INDEX), ("HEAD", WORKING_TREE))
    yield from _commits(before, after)


def _named(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The states that the calling command names."""
    name, *arguments = command or ("",)
    names = []
    for argument in arguments:
        if argument == "--":
            break
        if not argument.startswith("-"):
            if not is_revision(argument):
                break
            names.append(argument)
    if name in _HISTORY:
        yield from ((f"{revision}^", revision) for revision in names or ["HEAD"])
    elif name == "diff":
        cached = "--cached" in arguments or "--staged" in arguments
        if cached:
            yield (names or ["HEAD"])[0], INDEX
        elif not names:
            yield INDEX, WORKING_TREE
        else:
            try:
                pair = revisions(names)
            except NetspecError:  # more than two: a merge
                return
            yield pair.before, pair.after or WORKING_TREE


def _commits(before: Content, after: Content) -> Iterator[tuple[str, str]]:
    """Commits that put the one content in the place of the other, the newest first."""
    content = before if after.absent else after
    try:
        listed = git(
            "git log",
            "log",
            "--exclude=refs/notes/*",
            "--all",
            "-m",
            "--format=%h %p",
            "-s",
            f"--find-object={content.hash}",
            "--",
            content.path,
        )
    except NetspecError:
        return
    for line in listed.decode().splitlines():
        commit, *parents = line.split()
        yield from ((parent, commit) for parent in parents)
