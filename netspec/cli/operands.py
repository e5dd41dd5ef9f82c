"""What the arguments of `netspec diff` name: two sides, or revisions and paths.

A file, a run, an exported model and `REV:path` are a side; else an argument is a revision or a range of revisions, and
what follows the revisions are paths.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from netspec.review.sides.revisions import Revisions, is_range, is_revision, revisions
from netspec.review.sides.side import split_revision
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.git import git, in_repository
from netspec.training.info import SPEC

_SUFFIXES = (".yaml", ".yml", ".onnx")


@dataclass(frozen=True)
class Sides:
    """Two networks by their names."""

    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """Every network that differs between two states of the repository, at or below the paths where there are some."""

    revisions: Revisions
    paths: tuple[str, ...] = ()


def read_operands(names: Sequence[str], paths: tuple[str, ...] | None) -> Sides | Changes:
    """What is to be compared; `paths` stood behind `--`.  Raises BadParameter where it cannot be told."""
    if not names:
        raise typer.BadParameter("expected two networks, or a revision: `netspec diff HEAD`, `netspec diff A B`.")
    if paths is not None:
        return _changes(names, paths)
    first, *rest = names
    if is_side(first):
        return _sides(first, rest)
    if is_revision(first):
        number = 2 if rest and not is_range(first) and _is_second_revision(rest[0]) else 1
        for path in names[number:]:
            if not Path(path).exists():
                raise typer.BadParameter(_neither(path, "a path") + f" Was it deleted? Then write `-- {path}`.")
        return _changes(names[:number], tuple(names[number:]))
    if len(names) == 2 and first.endswith(_SUFFIXES):
        return Sides(first, rest[0])  # reading it says that it is not there
    if Path(first).is_dir() and not rest:
        raise typer.BadParameter(
            f"`{first}` is a folder, and no run: `netspec diff HEAD {first}` compares what is in it."
        )
    raise typer.BadParameter(_no_side(first))


def is_side(name: str) -> bool:
    """Whether an argument names one network: a file, a run, or `REV:path`."""
    path = Path(name)
    return path.is_file() or (path / SPEC).is_file() or name == os.devnull or split_revision(name) is not None


def _sides(first: str, rest: Sequence[str]) -> Sides:
    if not rest:
        raise typer.BadParameter(
            f"`{first}` is one side. Name the other, or a revision to compare it with: `netspec diff HEAD {first}`."
        )
    second, *more = rest
    if more:
        raise typer.BadParameter(f"two networks are compared; `{more[0]}` is one too many.")
    if not is_side(second) and not second.endswith(_SUFFIXES):
        if is_revision(second):
            write = f"write `{second}:{first} {first}`, or `{second} {first}`"
            raise typer.BadParameter(f"`{first}` is a file and `{second}` a revision: {write}.")
        raise typer.BadParameter(_no_side(second))
    return Sides(first, second)


def _changes(names: Sequence[str], paths: tuple[str, ...]) -> Changes:
    try:
        return Changes(revisions(names), paths)
    except NetspecError as error:
        problem = error.problems[0]
        raise typer.BadParameter(f"`{problem.name}`: {problem.message}.") from None


def _is_second_revision(name: str) -> bool:
    if not is_revision(name) or is_side(name):
        return False
    if Path(name).exists():
        raise typer.BadParameter(f"`{name}` is a folder and a revision: write `-- {name}`, or `{name} --`.")
    return True


def _no_side(name: str) -> str:
    if Path(name).is_dir():
        return f"`{name}` is a folder, and no run: name one netspec file in it."
    return _neither(name, "a network")


def _neither(name: str, wanted: str) -> str:
    if not in_repository():
        near = did_you_mean(name, _files())
        outside = f"`{name}` is not {wanted}, and outside of a git repository there are no revisions"
        return f"{outside}{f'; {near}' if near else '.'}"
    try:
        known = git("git", "for-each-ref", "--format=%(refname:short)").decode(errors="replace").split()
    except NetspecError:
        known = []
    near = did_you_mean(name, [*known, *_files()])
    return f"`{name}` is neither {wanted} nor a revision of git{f'; {near}' if near else '.'}"


def _files() -> list[str]:
    """The names in the current folder that may be networks."""
    return [path.name for path in Path().iterdir() if path.suffix in _SUFFIXES]
