"""Where files are read from: the disk, or what stands in for it, such as a revision of git or an editor's buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from netspec.source.text import Source
from netspec.source.tree import near_file, read_text


class FileTree(Protocol):
    """Files by their paths."""

    def real(self, path: Path) -> Path:
        """The path with its links followed.  Raises OSError, RuntimeError or ValueError where they lead nowhere."""
        ...

    def read(self, path: Path) -> Source:
        """The text of a file.  Raises NS101 with what is wrong with it."""
        ...

    def near(self, path: Path) -> Path | None:
        """For a path where nothing is: the YAML file beside it whose name is most like it."""
        ...


class Disk:
    """The files of this machine."""

    def real(self, path: Path) -> Path:
        return path.resolve()

    def read(self, path: Path) -> Source:
        return read_text(path)

    def near(self, path: Path) -> Path | None:
        return None if path.exists() else near_file(path)
