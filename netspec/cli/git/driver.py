"""What `git diff` shows of a netspec file: what changed in the network, and then git's own text of the change.

The text is what a patch is made of, and shows what changed in comments.  A file that is no netspec file has it alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from netspec.cli.git.caller import calling_git
from netspec.cli.git.patch import Content, patch
from netspec.source.netspec_file import is_netspec


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
    return _network(before, after, command, colour=colour) + text


def _network(before: Content, after: Content, command: Sequence[str], *, colour: bool) -> bytes:
    from netspec.cli.git.network import network_report
    from netspec.cli.output import as_text

    try:
        return as_text(network_report(before, after, command), colour=colour).encode(errors="replace")
    except Exception as error:  # whatever it is: git goes on, and has its text
        return f"{after.path}: cannot be compared: {type(error).__name__}: {error}\n".encode(errors="replace")


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
    answer = subprocess.run(
        ["git", "config", "--get-colorbool", "color.diff", terminal], capture_output=True, check=False
    )
    return answer.stdout.strip() == b"true"
