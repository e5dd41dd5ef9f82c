"""Texts as they are now: of files that are open in the editor, what it has, of all others what is on the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path

from netspec.source.file_tree import Disk, FileTree
from netspec.source.text import Source

MAX_FILES = 2000  # of a workspace; what is beyond is found when it is opened
_NETWORK = re.compile("^netspec:", re.MULTILINE)
_SKIPPED = ("node_modules", "__pycache__")


@dataclass(frozen=True)
class OpenFile:
    """One open file."""

    uri: str
    path: Path
    version: int | None
    source: Source
    language: str = ""

    @property
    def is_network(self) -> bool:
        """Whether it is one of netspec's: an editor sends every YAML file."""
        return self.language == "netspec" or bool(_NETWORK.search(self.source.text))


def path_of(uri: str) -> Path:
    """The file of a URI; what has none yet (`untitled:net-1`) is a file of the current folder."""
    path = to_fs_path(uri)
    return Path(path) if path else Path.cwd() / Path(uri.partition(":")[2]).name


def real(path: Path) -> Path:
    """A path without links, whether or not there is such a file, or can be."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a zero byte
        return path


@dataclass(frozen=True)
class Changed:
    """A file tree in which some files, by their real paths, have other texts."""

    under: FileTree
    texts: Mapping[Path, str]

    def real(self, path: Path) -> Path:
        return self.under.real(path)

    def read(self, path: Path) -> Source:
        text = self.texts.get(real(path))
        return self.under.read(path) if text is None else Source(str(path), text)

    def near(self, path: Path) -> Path | None:
        return self.under.near(path)


class OpenFiles(Disk):
    """The open files, by their real paths, before those of the disk."""

    def __init__(self) -> None:
        self.opened: dict[Path, OpenFile] = {}
        self.folders: list[Path] = []  # of the workspace

    def put(self, uri: str, version: int | None, text: str, language: str = "") -> OpenFile:
        path = path_of(uri)
        buffer = OpenFile(uri, path, version, Source(str(path), text.removeprefix("\ufeff")), language)
        self.opened[real(path)] = buffer
        return buffer

    def drop(self, uri: str) -> None:
        self.opened.pop(real(path_of(uri)), None)

    def get(self, uri: str) -> OpenFile | None:
        return self.opened.get(real(path_of(uri)))

    def read(self, path: Path) -> Source:
        """Raises NS101 for a file that is not open and cannot be read."""
        buffer = self.opened.get(real(path))
        return super().read(path) if buffer is None else Source(str(path), buffer.source.text)

    def near(self, path: Path) -> Path | None:
        return None if real(path) in self.opened else super().near(path)

    def uri_of(self, path: Path) -> str:
        """As the client calls the file."""
        buffer = self.opened.get(real(path))
        return buffer.uri if buffer else str(from_fs_path(os.path.normpath(Path.cwd() / path)))

    def networks(self) -> Iterator[Path]:
        """Every file that is open or in the workspace and looks like one of netspec's; links are not followed."""
        yield from (path for path, buffer in self.opened.items() if buffer.is_network)
        for path in self._files():
            if path not in self.opened and _begins_as_network(path):
                yield path

    def _files(self) -> Iterator[Path]:
        count = 0
        for top in dict.fromkeys(map(real, self.folders)):
            for folder, folders, names in os.walk(top):
                folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED)
                for name in sorted(names):
                    if name.endswith((".yaml", ".yml")):
                        count += 1
                        if count > MAX_FILES:
                            return
                        yield Path(folder) / name


def _begins_as_network(path: Path) -> bool:
    """Whether a file has the key `netspec` near its beginning."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return any(line.startswith(b"netspec:") for line in file.read(4096).splitlines())
    except OSError:
        return False
