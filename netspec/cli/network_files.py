"""The netspec files that arguments name: a file itself, of a folder all below it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netspec.cli.output import notes, show
from netspec.frontend.cells import read_cells
from netspec.frontend.document import NETWORK, read_document, read_vars, section_problems
from netspec.frontend.files import TAKEN, read_root
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.files import reason, write_whole
from netspec.source.netspec_file import LOCK_SUFFIX, is_lock, is_netspec
from netspec.source.tree import read_text
from netspec.training.info import INFO, SPEC

SUFFIXES = (".yaml", ".yml")


def network_files(arguments: list[str]) -> Iterator[Path]:
    """Files as they are named, and in folders every YAML file with a line `netspec: …`.

    Left out there are hidden folders, links, and the specs of runs, which are as they were trained.  A folder that has
    none is named on standard error: it may not be the one that was meant.
    """
    for argument in arguments:
        path = Path(argument)
        if not os.path.isdir(path):  # noqa: PTH112 - false, too, of a path that the system does not take
            yield path
            continue
        number = 0
        for file in _below(path):
            if file.name.endswith(SUFFIXES) and not of_run(file) and _is_netspec(file):
                number += 1
                yield file
        if not number:
            show(notes([_nothing_in(path)]))


def _nothing_in(folder: Path) -> str:
    if (folder / SPEC).is_file() and of_run(folder / SPEC):
        return f"{folder} is a run, and no netspec file stands in it but its own: name {folder / SPEC}"
    return f"no netspec file stands in {folder}"


def locks_alone(arguments: list[str]) -> Iterator[Path]:
    """The locks in folders whose networks have no file any more."""
    for path in map(Path, arguments):
        for file in _below(path) if path.is_dir() else ():
            if file.suffix == LOCK_SUFFIX and not any(file.with_suffix(suffix).exists() for suffix in SUFFIXES):
                with contextlib.suppress(OSError):
                    if is_lock(file.read_bytes()):
                        yield file


def _below(folder: Path) -> Iterator[Path]:
    """All files in a folder and those below it, in order, hidden folders left out."""
    for where, inside, names in os.walk(folder):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (Path(where) / name for name in sorted(names))


def of_run(path: Path) -> bool:
    """Whether a file is the spec in a run folder."""
    return path.name == SPEC and (path.parent / INFO).exists()


def is_fragment(path: Path) -> bool:
    """Whether a file is no network by itself: blocks, cells or variables for others.  Raises NS1xx and NS2xx."""
    problems = Problems()
    root = read_root(read_text(path), problems)
    raise_all(problems)
    return "extends" not in root and not any(section in root for section in NETWORK) and any(s in root for s in TAKEN)


def check_fragment(path: Path) -> None:
    """Raises what is wrong with such a file, as far as it shows without a network that reads it."""
    document = read_document(read_text(path), path)
    problems = Problems(problem for key, problem in section_problems(document.root) if key not in NETWORK)
    document.vars = read_vars(document.root, problems)
    read_cells(document, problems)
    raise_all(problems)


def replace_text(path: Path, text: str) -> None:
    """Write a text file; one that is there keeps its permissions.  Raises NS107."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None

    def write(file: BinaryIO) -> None:
        file.write(text.encode("utf-8"))
        if mode is not None:
            os.fchmod(file.fileno(), mode)

    write_whole(path, write, cannot_write)


def cannot_write(path: Path, error: Exception) -> NetspecError:
    """NS107: what is on the disk is what was there before."""
    hint = "what stood there before is unchanged"
    return NetspecError("NS107", f"cannot be written: {reason(error)}", name=str(path), hint=hint)


def _is_netspec(file: Path) -> bool:
    try:
        return file.is_file() and not file.is_symlink() and is_netspec(file.read_bytes())
    except OSError:
        return True  # it is read again, and what is wrong with it told
