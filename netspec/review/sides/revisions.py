"""What a user names by `A`, `A B`, `A..B` or `A...B`: two states of a git repository."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from netspec.source.errors import NetspecError
from netspec.source.git import git_line


@dataclass(frozen=True)
class Revisions:
    """Two states of a repository; a commit as git names it, the working tree where it is None."""

    before: str
    after: str | None = None

    def __str__(self) -> str:
        return f"{self.before} -> {self.after or 'working tree'}"


def is_revision(text: str) -> bool:
    """Whether git knows a commit of this name, or the commits of a range."""
    parts = _range(text)
    return all(_is_commit(part or "HEAD") for part in (parts[0], parts[2])) if parts else _is_commit(text)


def is_range(text: str) -> bool:
    """Whether a text names two revisions at once."""
    return _range(text) is not None


def revisions(names: Sequence[str]) -> Revisions:
    """The states that one or two arguments name.  Raises NS101 for three, and for what git does not know."""
    parts = _range(names[0])
    if len(names) > (1 if parts else 2):
        raise NetspecError(
            "NS101", "is one revision too many: a review has two sides", name=names[-1], hint="paths stand behind `--`"
        )
    for name in names:
        if not is_revision(name):
            raise NetspecError("NS101", "git knows no such revision", name=name)
    if parts is None:
        return Revisions(*names)
    before, dots, after = parts[0] or "HEAD", parts[1], parts[2] or "HEAD"
    if dots == "..":
        return Revisions(before, after)
    return Revisions(git_line(names[0], "merge-base", before, after), after)


def _range(text: str) -> tuple[str, str, str] | None:
    for dots in ("...", ".."):
        before, separator, after = text.partition(dots)
        if separator:
            return before, dots, after
    return None


def _is_commit(name: str) -> bool:
    """A revision that begins with - would be an option of git."""
    if not name or name.startswith("-"):
        return False
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except (OSError, ValueError):  # git is not installed, or a zero byte
        return False
