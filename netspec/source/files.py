"""The one way in which netspec writes files: each is there whole or not at all, and no link leads it elsewhere."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from errno import EACCES
from pathlib import Path
from typing import BinaryIO, TextIO

from netspec.source.errors import NetspecError
from netspec.source.text import printable

_PART = re.compile(r"\.netspec-[0-9a-f]{16}\.part")  # a file that is being written
_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LONGEST_NAME = 120  # bytes: with a number and an ending it stays below the 255 of file systems


def write_whole(path: Path, write: Callable[[BinaryIO], object], refuse: Callable[[Path, OSError], Exception]) -> None:
    """Let `write` fill a file and put it in the place of `path`.

    The bytes go into a new file of a random name in the same folder, come to the disk, and are renamed.  A crash, a
    full disk or a kill at any moment leaves what stood there before; what a killed process left is cleared by the next
    that writes there.  Only a file is replaced: a link at `path` is neither followed nor replaced, nor is a folder, a
    pipe or a device.  The mode is as the user's umask has it.  What cannot be written raises what `refuse` makes of the
    path and the reason.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check_place(path.name, folder)
            _clear_parts(folder)
            part, file = _new_part(folder)
            try:
                with file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())  # the rename may otherwise reach the disk before the bytes
                    os.replace(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise refuse(path, error) from None


def write_text(path: Path, text: str) -> None:
    """A result as a file.  Raises NS704."""
    write_whole(path, lambda file: file.write(text.encode("utf-8")), cannot_write)


def cannot_write(path: Path, error: Exception) -> NetspecError:
    """NS704 of a result that a command writes: a model, a picture."""
    hint = "what stood there before is unchanged" if os.path.lexists(path) else ""
    return NetspecError("NS704", f"cannot be written: {reason(error)}", name=str(path), hint=hint)


def check_output(path: Path) -> None:
    """Raises NS704, before anything is computed, for a path that no file can be written to."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        hint = f"make the folder `{printable(str(path.parent))}`, or name another"
        raise NetspecError("NS704", "cannot be written: its folder does not exist", name=str(path), hint=hint) from None
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        _check_place(path.name, folder)
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        os.close(folder)


def open_to_append(path: Path) -> TextIO:
    """A text file that is there already and is no link, to add lines at its end.  Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC), "a", encoding="utf-8")


def file_name(name: str, otherwise: str) -> str:
    """A name that somebody gave to something as a part of a file's name: one that is no path, no option, not hidden."""
    plain = re.sub(r"[^\w.-]+", "-", name).encode("utf-8")[:LONGEST_NAME].decode("utf-8", "ignore")
    return plain.strip("-.") or otherwise


def is_part(name: str) -> bool:
    """Whether a file is one that is being written, or was when a process was killed."""
    return bool(_PART.fullmatch(name))


def reason(error: Exception) -> str:
    """What the system says."""
    return getattr(error, "strerror", None) or str(error)


def _check_place(name: str, folder: int) -> None:
    if not name:  # of the path `.`
        raise OSError("it is a folder, expected a file")
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        target = printable(os.readlink(name, dir_fd=folder))
        raise OSError(f"it is a link to {target}: name the file itself, or remove the link")
    if not stat.S_ISREG(mode):
        raise OSError(f"it is a {'folder' if stat.S_ISDIR(mode) else 'device or a pipe'}, expected a file")


def _new_part(folder: int) -> tuple[str, BinaryIO]:
    """A new file under a lock, which says that its process is alive."""
    while True:
        name = f".netspec-{secrets.token_hex(8)}.part"
        handle = os.open(name, os.O_WRONLY | _NEW, 0o666, dir_fd=folder)
        with suppress(OSError):  # a file system without locks: then nobody clears either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else somebody cleared it before it had its lock
            return name, os.fdopen(handle, "wb")
        os.close(handle)


def _clear_parts(folder: int) -> None:
    """Remove what processes that were killed left here: nobody holds its lock."""
    for name in os.listdir(folder):
        if not is_part(name):
            continue
        with suppress(OSError):
            handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(handle)
