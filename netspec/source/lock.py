"""A folder that one process works in: a lock that the system takes back when the process dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"
TRIES = 10  # a look at who holds it takes the lock for an instant
WAIT = 0.01  # seconds
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # of a file system: then nobody is kept out


class InUseError(Exception):
    """Another process holds the folder; the text says which."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the folder until the end, or until the process dies in whatever way.

    The file `.lock` in it says who does.  Raises InUseError, and OSError where it cannot be written.
    """
    handle = _locked(folder / LOCK)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"process": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.unlink(folder / LOCK)  # noqa: PTH108 - while it is held: who waits for it looks for a new one
        os.close(handle)


def holder(folder: Path) -> str:
    """Who works in the folder, such as "process 4711"; empty when nobody does."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    except OSError:
        return ""
    finally:
        os.close(handle)
    return ""


def _locked(path: Path) -> int:
    for last in (*[False] * (TRIES - 1), True):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:  # else its last holder has removed it
                return handle
        except BlockingIOError:
            if last:
                holder = _holder(handle)
                os.close(handle)
                raise InUseError(holder) from None
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return handle
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(WAIT)
    raise InUseError("other processes that come and go")


def _holder(handle: int) -> str:
    """Who holds the lock, as it wrote into the file."""
    try:
        written = json.loads(os.pread(handle, 1000, 0))
        process, host = int(written["process"]), str(written["host"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
    return f"process {process}" + (f" on {host[:64]}" if host != socket.gethostname() else "")
