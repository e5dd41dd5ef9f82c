"""The networks of two contents that git compares, each with what it includes and extends in its own state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from netspec.cli.git.patch import Content
from netspec.cli.git.readers import lines, readers
from netspec.cli.git.states import INDEX, WORKING_TREE, State, snapshot, states
from netspec.cli.git.textconv import Alone
from netspec.report.diff.text import render
from netspec.report.styled import Lines
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.difference import Side
from netspec.review.sides.side import compile_side
from netspec.review.sides.snapshot import Named
from netspec.source.errors import NetspecError, Problem
from netspec.source.git import objects
from netspec.source.text import Source
from netspec.source.tree import text_of


def network_report(before: Content, after: Content, command: Sequence[str]) -> Iterator[Any]:
    """What changed in the network of both contents, and the verdict on those that read them and have not changed."""
    with objects("git") as store:
        pair = states(store, before, after, command)
        yield from render([compared(before, after, *(pair or (None, None)))], False)
        if pair is None or before.absent:
            return
        try:
            known: Named = {}
            old, new = (snapshot(state, store, known) for state in pair)
            if paths := readers(before.path, after.path, old, new):
                yield Lines(lambda width: lines(paths, old, new))
        except NetspecError:
            return  # what git does not answer is no part of the change


def compared(before: Content, after: Content, old: State | None, new: State | None) -> Compared:
    """The network of both contents, each with what it includes and extends in its own state of the repository."""
    names = _name(before, old), _name(after, new)
    try:
        return Compared(after.path, *names, compare(_side(names[0], before, old), _side(names[1], after, new)))
    except NetspecError as error:
        return Compared(after.path, *names, None, error.problems)


def _name(content: Content, state: State | None) -> str:
    """`HEAD:net.yaml`, as `netspec diff` takes it."""
    if content.absent:
        return os.devnull
    revision = "" if state is None or state.name == WORKING_TREE else ":" if state.name == INDEX else f"{state.name}:"
    return f"{revision}{content.path}"


def _side(name: str, content: Content, state: State | None) -> Side:
    if content.absent:
        return Side(name, absent=Problem("NS101", "no file", name=name))
    source = Source(name, text_of(content.read(), name).text)
    return compile_side(name, source, Path(content.path), state.files if state else Alone())
