"""What `git diff` shows of a netspec file: what changed in the network, and then git's own text of the change.

The text is what a patch is made of, and shows what changed in comments.  A file that is no netspec file has it alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from netspec.cli.git.caller import calling_git
from netspec.cli.git.patch import Content, patch
from netspec.cli.git.readers import lines, readers
from netspec.cli.git.states import INDEX, WORKING_TREE, State, snapshot, states
from netspec.cli.git.textconv import Alone
from netspec.cli.output import as_text
from netspec.report.diff.text import render
from netspec.report.styled import Lines
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.difference import Side
from netspec.review.side import compile_side
from netspec.review.snapshot import Named
from netspec.source.errors import NetspecError, Problem
from netspec.source.git import objects
from netspec.source.netspec_file import is_netspec
from netspec.source.text import Source
from netspec.source.tree import text_of


def report(arguments: Sequence[str]) -> bytes:
    """What to print for the arguments that git gives: seven of them, two more for a rename, one for a conflict."""
    if len(arguments) == 1:
        return os.fsencode(f"* Unmerged path {arguments[0]}\n")  # as git says it
    path, old_file, old_hash, old_mode, new_file, new_hash, new_mode, *renamed = arguments
    before = Content(path, old_file, old_hash, old_mode)
    after = Content(renamed[0] if renamed else path, new_file, new_hash, new_mode)
    command = calling_git()
    colour = shows_colour(command)
    text = patch(before, after, command, colour=colour)
    if not (is_netspec(before.read()) or is_netspec(after.read())):
        return text
    return as_text(network_report(before, after, command), colour=colour).encode() + text


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


def shows_colour(command: Sequence[str]) -> bool:
    """Whether git colours what it shows: by its options, else by its configuration, the terminal and the pager."""
    if os.environ.get("NO_COLOR"):
        return False
    for argument in reversed(command):
        if argument in ("--color", "--color=always"):
            return True
        if argument in ("--no-color", "--color=never"):
            return False
    terminal = str(sys.stdout.isatty()).lower()
    asked = subprocess.run(
        ["git", "config", "--get-colorbool", "color.diff", terminal], capture_output=True, check=False
    )
    return asked.stdout.strip() == b"true"
