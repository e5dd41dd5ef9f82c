"""Files that are there whole or not at all: written beside their place, brought to the disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from netspec.source.errors import NetspecError


def write_whole(path: Path, write: Callable[[Path], object], refuse: Callable[[Path, Exception], NetspecError]) -> None:
    """Let `write` fill a temporary file and put it in the place of `path`.

    A crash, a full disk or a kill at any moment leaves what stood there before; what cannot be written raises what
    `refuse` makes of the path and the reason.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch()
        mode = part.stat().st_mode  # as the user's umask has it; safetensors makes its files for the owner alone
        write(part)
        part.chmod(mode)
        _to_disk(part)
        part.replace(path)
        _to_disk(path.parent)
    except Exception as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) or "I/O error" in str(error) or type(error).__name__ == "SafetensorError":
            raise refuse(path, error) from None
        raise


def reason(error: Exception) -> str:
    """What the system says."""
    return getattr(error, "strerror", None) or str(error)


def _to_disk(path: Path) -> None:
    """A rename may otherwise reach the disk before the bytes that it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
