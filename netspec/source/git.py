"""git as it is asked here: one process a question, and one for all objects that are read.

Nothing is written into a repository, its index included.  What is asked names revisions and paths that users gave: they
are never read as options.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from netspec.source.errors import NetspecError
from netspec.source.tree import MAX_BYTES

FOLDER, LINK, SUBMODULE = 0o040000, 0o120000, 0o160000  # modes of entries; all others are files
_CHUNK = 1 << 20


@dataclass(frozen=True)
class GitEntry:
    """What a folder of a revision, or the index, has under a name: its mode, and the hash of its object."""

    mode: int
    hash: str


def git(name: str, *command: str, folder: Path | None = None) -> bytes:
    """What git answers; `name` is what the user asked for.  Raises NS101 with git's own words where it refuses."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, check=False, cwd=folder, env=environment())
    except FileNotFoundError:
        raise NetspecError("NS101", "cannot be read: git is not installed", name=name) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise NetspecError("NS101", f"cannot be read from git: {reason}", name=name)
    return done.stdout


def in_repository() -> bool:
    """Whether git is installed, and the current folder is in a repository of it."""
    try:
        command = ["git", "rev-parse", "--git-dir"]
        return subprocess.run(command, capture_output=True, check=False, env=environment()).returncode == 0
    except FileNotFoundError:
        return False


def git_line(name: str, *command: str, folder: Path | None = None) -> str:
    """The one line that git answers: a path, a hash."""
    return os.fsdecode(git(name, *command, folder=folder)).removesuffix("\n")


def environment() -> dict[str, str]:
    """git's messages in English, and no lock on the index of a repository that is only read."""
    return {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def check_revision(revision: str, name: str) -> None:
    """Raises NS101 for what git would read as an option, or as two questions."""
    if revision.startswith("-"):
        raise NetspecError("NS101", "cannot be read from git: a revision does not begin with -", name=name)
    if not revision.isprintable():
        raise NetspecError("NS101", "cannot be read from git: a revision is one line of text", name=name)


class Objects:
    """Objects of the repository of a folder, read by one `git cat-file --batch`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.folders: dict[str, dict[str, GitEntry]] = {}

    def header(self, wanted: str) -> tuple[str, str, int] | None:
        """Hash, type and size of what an expression names; None where there is no such object, or more than one."""
        into, out = _pipes(self.process)
        into.write(f"{wanted}\n".encode())
        into.flush()
        line = out.readline().decode(errors="replace").split()
        if len(line) != 3 or not line[2].isdigit():  # `… missing`, `… ambiguous`
            return None
        return line[0], line[1], int(line[2])

    def content(self, size: int, most: int | None = None) -> bytes:
        """The object whose header was just read; of more than `most` bytes the first ones."""
        _, out = _pipes(self.process)
        kept = size if most is None else min(size, most)
        data, rest = out.read(kept), size - kept + 1  # a line break ends it
        while rest:
            rest -= len(out.read(min(rest, _CHUNK)))
        return data

    def tree(self, revision: str) -> str | None:
        """The hash of a revision's top folder; None for no revision."""
        header = self.header(f"{revision}^{{tree}}")
        if header is None:
            return None
        self.folders[header[0]] = _entries(self.content(header[2]), len(header[0]) // 2)
        return header[0]

    def folder(self, tree: str) -> dict[str, GitEntry]:
        """name -> what a folder holds; nothing where its object is not in the repository."""
        if tree not in self.folders:
            header = self.header(tree)
            self.folders[tree] = _entries(self.content(header[2]), len(tree) // 2) if header else {}
        return self.folders[tree]

    def blob(self, hash: str) -> bytes | None:
        """A file's bytes, at most one more than a netspec file may have; None where they are not in the repository."""
        header = self.header(hash)
        return None if header is None else self.content(header[2], MAX_BYTES + 1)


@contextmanager
def objects(name: str, folder: Path | None = None) -> Iterator[Objects]:
    """The objects of the repository that a folder is in.  Raises NS101 where there is no git."""
    command = ["git", "cat-file", "--batch"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment(),
        )
    except FileNotFoundError:
        raise NetspecError("NS101", "cannot be read: git is not installed", name=name) from None
    with process:
        try:
            yield Objects(process)
        except (BrokenPipeError, ConnectionError):
            raise NetspecError("NS101", "cannot be read from git: it ended too early", name=name) from None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None and process.stdout is not None  # as `objects` opened it
    return process.stdin, process.stdout


def _entries(data: bytes, hash_bytes: int) -> dict[str, GitEntry]:
    """A tree object: `mode name\\0hash` again and again."""
    entries, at = {}, 0
    while at < len(data):
        space, zero = data.index(b" ", at), data.index(b"\0", at)
        end = zero + 1 + hash_bytes
        name = data[space + 1 : zero].decode(errors="surrogateescape")
        entries[name] = GitEntry(int(data[at:space], 8), data[zero + 1 : end].hex())
        at = end
    return entries
