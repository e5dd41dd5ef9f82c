"""git's own text of a difference that it handed over, so that `git diff > x.patch` is a patch still."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# What a user may have given to `git diff` for the text itself, and not for what is compared.
_OPTIONS = re.compile(
    r"-[wbW]|-U\d+|--unified=\d+|--inter-hunk-context=\d+|--ignore-[a-z-]+|--function-context|--minimal|--patience|"
    r"--histogram|--diff-algorithm=\w+|--word-diff(=\w+)?|--color-words|--color-moved(=[\w-]+)?|--full-index"
)
_LINK = "120000"
# Where it compares folders git has their names in places where it has none else, and once where it has both.
_ONE_NAME = re.compile(rb'^((?:\x1b\[[\d;]*m)*diff --git )("?)[ab](/.+) \2[ab]\3((?:\x1b\[[\d;]*m)*)$', re.MULTILINE)
_RENAMED = re.compile(rb'^((?:\x1b\[[\d;]*m)*(?:rename|copy) (?:from|to) "?)[ab]/', re.MULTILINE)


@dataclass(frozen=True)
class Content:
    """A file on one side: its path in the repository, where its content is, the hash of that, and its mode.

    The hash is of zeros where the content is no object of the repository yet.
    """

    path: str
    file: str
    hash: str
    mode: str

    @property
    def absent(self) -> bool:
        return self.file == os.devnull

    def read(self) -> bytes:
        """Its bytes; of a link those of its target's path."""
        if self.absent:
            return b""
        path = Path(self.file)
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def patch(before: Content, after: Content, arguments: Sequence[str], *, colour: bool) -> bytes:
    """The patch as git writes it, with the options for it among the arguments that git was called with."""
    options = [argument for argument in _before_paths(arguments) if _OPTIONS.fullmatch(argument)]
    with tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        for name, content in (("a", before), ("b", after)):
            (Path(folder) / name).mkdir()
            if not content.absent:
                _write_content(Path(folder, name, content.path), content)
        command = ["git", "--no-pager", "diff", "--no-index", "--no-ext-diff", "--no-textconv", "--no-prefix", "-M"]
        command += [f"--color={'always' if colour else 'never'}", *options, "a", "b"]
        done = subprocess.run(command, capture_output=True, check=False, cwd=folder)
        if done.returncode > 1:
            raise OSError(done.stderr.decode(errors="replace"))
    head, hunks, rest = done.stdout.partition(b"\n@@")
    head = _ONE_NAME.sub(rb"\1\2a\3 \2b\3\4", _RENAMED.sub(rb"\1", head))
    return head + hunks + rest


def _write_content(path: Path, content: Content) -> None:
    if ".." in Path(content.path).parts:  # of a tree that git did not make
        raise OSError(f"{content.path} leads out of the repository")
    path.parent.mkdir(parents=True, exist_ok=True)
    if content.mode == _LINK:
        path.symlink_to(os.fsdecode(content.read()))
    else:
        path.write_bytes(content.read())
        path.chmod(0o755 if content.mode == "100755" else 0o644)


def _before_paths(arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "--":
            return
        yield argument
