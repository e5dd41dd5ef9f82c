"""What git is told of netspec: a diff driver in its configuration, and which files it is for.

A driver names commands, which git takes from no repository, but from the user's own configuration alone.  So the files
that it is for stand in `.git/info/attributes`: nothing is committed to try it or to be rid of it, and nobody else who
has the repository notices.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.files import reason, write_whole
from netspec.source.git import git, git_line, in_repository
from netspec.source.netspec_file import MOST, is_netspec

SECTION = "diff.netspec"
FIGURES = "refs/notes/textconv/netspec"  # where git keeps what the driver's textconv gave
BEGIN, END = "# netspec: written by `netspec git install`", "# netspec: end"
_BLOCK = re.compile(rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", re.DOTALL | re.MULTILINE)
_PATTERNS = ("*.yaml", "*.yml")


@dataclass(frozen=True)
class GitScope:
    """Where the driver and its files are written: for one repository, or for all of a user's."""

    option: str  # `--local` or `--global`, as git has it
    attributes: Path
    top: Path | None  # of the repository; None: every repository


def git_scope(everywhere: bool) -> GitScope:
    """Raises NS101 outside of a repository."""
    if everywhere:
        named = _config("--global", "--get", "--type=path", "core.attributesFile")
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return GitScope("--global", Path(named or f"{home}/git/attributes"), None)
    if not in_repository():
        hint = "go into one, or write `--global`, for all repositories of yours"
        raise NetspecError("NS101", "is in no git repository", name=str(Path.cwd()), hint=hint)
    top = Path(git_line("git", "rev-parse", "--show-toplevel"))
    return GitScope(
        "--local", Path(git_line("git", "rev-parse", "--path-format=absolute", "--git-path", "info/attributes")), top
    )


def install(scope: GitScope) -> Iterator[str]:
    """Write the driver and its files, in the place of what an earlier call wrote.  Gives what was written."""
    for key, value in driver(scope).items():
        git("git", "config", scope.option, "--replace-all", f"{SECTION}.{key}", value)
    yield f"{_config_file(scope)}: the section {SECTION}"
    _forget_figures(scope)
    lines = list(_attributes(scope.top))
    text = _read(scope.attributes)
    others = _BLOCK.sub("", text)
    others += "" if not others or others.endswith("\n") else "\n"
    _write(scope.attributes, others + "\n".join([BEGIN, *lines, END, ""]))
    yield from (f"{scope.attributes}: {line}" for line in lines)
    everywhere = " --global" if scope.top is None else ""
    figures = "" if scope.top is None else ", and `git log -p` their figures"
    yield f"`git diff` shows networks now{figures}; `netspec git uninstall{everywhere}` takes it away"


def uninstall(scope: GitScope) -> Iterator[str]:
    """Take away what `install` wrote, and nothing else.  Gives what was taken away."""
    if file := _config_file(scope):
        git("git", "config", scope.option, "--remove-section", SECTION)
        _remove_empty(file)
        yield f"{file}: removed the section {SECTION}"
    _forget_figures(scope)
    text = _read(scope.attributes)
    others = _BLOCK.sub("", text)
    if others != text:
        _write(scope.attributes, others)
        _remove_empty(scope.attributes)
        yield f"{scope.attributes}: removed the lines of netspec"


def driver(scope: GitScope) -> dict[str, str]:
    """The keys of the driver.  Where netspec fails, or is gone, git's own text stands in, and git goes on.

    The interpreter is named by its path: whoever calls git need not have activated an environment.  Figures in `log`
    take a process for each content, also where all of history is searched: git keeps them, in a ref of the repository.
    For all repositories, where most YAML files are of others, there are none.
    """
    netspec = f"{shlex.quote(sys.executable)} -m netspec git"
    text = 'git --no-pager diff --no-index --no-ext-diff --no-textconv -- "$2" "$5"'
    keys = {"command": f'f() {{ {netspec} show-diff "$@" 2>/dev/null || {text}; :; }}; f'}
    if scope.top is not None:
        keys["textconv"] = f'f() {{ {netspec} show-file "$1" 2>/dev/null || cat "$1"; }}; f'
        keys["cachetextconv"] = "true"
    return {**keys, "xfuncname": "^([a-z]+:.*)$"}  # the section that a hunk stands in


def _attributes(top: Path | None) -> Iterator[str]:
    """YAML files are netspec's, but for those that are something else now: they keep what git does with them."""
    yield from (f"{pattern} diff=netspec" for pattern in _PATTERNS)
    if top is None:
        return
    others: dict[str, list[str]] = {}
    ours = set()
    listed = git(
        "git ls-files", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_PATTERNS, folder=top
    )
    for path in sorted(set(filter(None, os.fsdecode(listed).split("\0")))):
        folder = path.rpartition("/")[0]
        if _is_netspec(top / path):
            ours.add(folder)
        else:
            others.setdefault(folder, []).append(path)
    for folder, paths in sorted(others.items()):
        names = paths if folder in ours or not folder else [f"{folder}/{pattern}" for pattern in _PATTERNS]
        yield from (f"{_pattern(name, name in paths)} !diff" for name in names)


def _pattern(path: str, literal: bool) -> str:
    """A path from the top as a pattern of gitattributes."""
    head, _, name = path.rpartition("/")
    escaped = re.sub(r"([*?\[\\])", r"\\\1", path if literal else head)
    pattern = f"/{escaped}" if literal else f"/{escaped}/{name}"
    if not re.search(r'[\s"]', pattern):
        return pattern
    return '"' + re.sub(r'([\\"])', r"\\\1", pattern) + '"'


def _is_netspec(path: Path) -> bool:
    """Whether a file says that it is netspec's; one that is not there may be one."""
    try:
        with path.open("rb") as file:
            return is_netspec(file.read(MOST))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _config(*arguments: str) -> str:
    """A value of git's configuration; empty where there is none."""
    done = subprocess.run(["git", "config", *arguments], capture_output=True, check=False)
    return os.fsdecode(done.stdout).rstrip("\n")


def _forget_figures(scope: GitScope) -> None:
    """What git keeps of an earlier netspec, or of none."""
    if scope.top is not None:
        git("git", "update-ref", "-d", FIGURES)


def _config_file(scope: GitScope) -> Path | None:
    """The file of git's configuration that holds the driver."""
    origin = _config(scope.option, "--show-origin", "--get", f"{SECTION}.command").partition("\t")[0]
    return Path((scope.top or Path()) / origin.removeprefix("file:")) if origin else None


def _remove_empty(path: Path) -> None:
    """A file that holds nothing any more, and the folders that were made for it, unless they hold something else."""
    if path.is_file() and not path.is_symlink() and not path.stat().st_size:
        path.unlink()
        with suppress(OSError):
            for folder in list(path.parents)[:2]:
                if folder.name in ("git", ".config"):
                    folder.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refused(path, error) from None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(text.encode("utf-8", "surrogateescape")), _refused)


def _refused(path: Path, error: OSError) -> NetspecError:
    return NetspecError("NS101", f"cannot be read or written: {reason(error)}", name=str(path))
