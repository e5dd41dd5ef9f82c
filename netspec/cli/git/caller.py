"""Which git called, and what it compares: git hands a diff driver contents, and does not say of which revisions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_MOST = 4  # processes between git and netspec: the shell, and a launcher
_WITH_VALUE = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--attr-source")


def calling_git() -> tuple[str, ...]:
    """The command of the git that called and its arguments, `("diff", "--cached")`; nothing where it cannot be told."""
    pid = os.getppid()
    for _ in range(_MOST):
        above, arguments = _process(pid)
        if arguments and Path(arguments[0]).name in ("git", "git.exe"):
            return _without_global_options(arguments[1:])
        pid = above
    return ()


def _process(pid: int) -> tuple[int, list[str]]:
    """The parent of a process, and its arguments."""
    if pid <= 1:
        return 0, []
    folder = Path(f"/proc/{pid}")
    try:
        if folder.is_dir():
            arguments = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")[:-1]
            return int((folder / "stat").read_text().rpartition(")")[2].split()[1]), arguments
        return _by_ps(pid)
    except (OSError, ValueError):
        return 0, []


def _by_ps(pid: int) -> tuple[int, list[str]]:
    """Where there is no /proc: arguments with blanks in them come apart."""
    shown = subprocess.run(["ps", "-ww", "-o", "ppid=,args=", "-p", str(pid)], capture_output=True, check=False)
    above, *arguments = os.fsdecode(shown.stdout).split()
    return int(above), arguments


def _without_global_options(arguments: list[str]) -> tuple[str, ...]:
    while arguments and arguments[0].startswith("-"):
        arguments = arguments[2 if arguments[0] in _WITH_VALUE else 1 :]
    return tuple(arguments)
