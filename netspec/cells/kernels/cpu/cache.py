"""Where generated code is kept between processes: a folder into which nobody but this user can have put a file.

What lies there runs in this process, and a hash beside it proves nothing: whoever can write the one can write the
other.  So every folder on the way down belongs to this user or to the system and is writable by its owner alone (a
folder like /tmp, in which only owners remove, may stand above), and so is every file; all are looked at by the handle
that is then read.  Where there is no such folder nothing is kept, which is said once and costs the compile time.

$NETSPEC_CACHE, else $XDG_CACHE_HOME/netspec, else ~/.cache/netspec.  A path that is not absolute would be another in
each working folder and is passed over, as the XDG specification has it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from netspec.source.files import reason, write_whole
from netspec.source.text import printable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would not open before it has a writer
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read(name: str) -> bytes | None:
    """What was kept under a name; None where there is nothing whole that only this user can have written."""
    try:
        with _opened(cache_folder()) as folder:
            handle = os.open(name, _FILE, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
                    return None
                data = file.read()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None  # damaged: it is made again


def write(name: str, data: bytes) -> None:
    """Keep it, with its hash before it; where that cannot be, say so once and go on."""
    try:
        folder = cache_folder()
        with _opened(folder, make=True) as handle:
            _clear(handle, name)
            # Nobody else can rename anything on the way, so that the path names what was looked at.
            write_whole(folder.resolve() / name, lambda file: _fill(file, data), lambda _, error: error)
    except OSError as error:
        _say(reason(error) if error.strerror else str(error))


def _fill(file: BinaryIO, data: bytes) -> None:
    os.fchmod(file.fileno(), 0o600)  # whatever the umask lets others do
    file.write(hashlib.sha256(data).digest() + data)


def cache_folder() -> Path:
    """The folder that the environment names.  Raises OSError where it names none."""
    path = os.environ.get("NETSPEC_CACHE", "")
    if path and not Path(path).is_absolute():
        _say(f"NETSPEC_CACHE is `{printable(path)}`, expected an absolute path; it is passed over")
    elif path:
        return Path(path)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "netspec"
    try:
        return Path.home() / ".cache" / "netspec"
    except RuntimeError:
        raise OSError("there is no home folder") from None


@contextmanager
def _opened(path: Path, make: bool = False) -> Iterator[int]:
    """A handle of a folder that nobody else can write, by way of folders that nobody else can change."""
    at = os.open("/", _FOLDER)
    try:
        _check(at, Path("/"), last=False)
        parts = Path(os.path.realpath(path)).parts[1:]
        here = Path("/")
        for k, part in enumerate(parts):
            here /= part
            if make:
                _make(part, at)
            below = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
            _check(at, here, last=k == len(parts) - 1)
        yield at
    finally:
        os.close(at)


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return


def _check(handle: int, path: Path, last: bool) -> None:
    """Raises OSError for a folder whose entries somebody else can change."""
    status = os.fstat(handle)
    system = {0, Path("/").stat().st_uid}  # in a container the system's owner may have another number
    if status.st_uid not in {os.geteuid()} | (set() if last else system):
        raise OSError(f"`{printable(str(path))}` belongs to another user")
    kept_by_owners = status.st_mode & stat.S_ISVTX and not last and status.st_uid in system
    if status.st_mode & _OTHERS and not kept_by_owners:
        raise OSError(
            f"others may write in `{printable(str(path))}`: take that from them with `chmod go-w`, or set "
            "NETSPEC_CACHE to a folder of your own"
        )


def _clear(folder: int, name: str) -> None:
    """Remove a file of another's or a link where one is to be put, which could not be replaced."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=folder)


@lru_cache(maxsize=16)
def _say(why: str) -> None:
    warnings.warn(f"kernels of recurrent cells are not kept: {why}", stacklevel=2)
