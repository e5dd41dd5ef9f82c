"""Files that are there whole or not at all: written beside their place, brought to the disk, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from netspec.source.errors import NetspecError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file and put it in the place of `path`.

    A crash, a full disk or a kill at any moment leaves what stood there before.  Raises NS624.
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
            raise cannot_write(path, error) from None
        raise


def _to_disk(path: Path) -> None:
    """A rename may otherwise reach the disk before the bytes that it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: Path, error: Exception) -> NetspecError:
    """NS624: what is on the disk is what was there before."""
    reason = getattr(error, "strerror", None) or str(error)
    return NetspecError("NS624", f"cannot write {path}: {reason}",
                        hint="what was saved before is still whole: make room, then go on with --resume")  # fmt: skip


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda part: _ignore(part.write_text(text, encoding="utf-8")))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def _ignore(_: object) -> None:
    return None


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file.  Raises NS622 when it is missing or broken."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NetspecError(
            "NS622", f"cannot be read: {getattr(error, 'strerror', None) or error}", name=str(path)
        ) from None
    if not isinstance(found, dict):
        raise NetspecError("NS622", "is not what netspec wrote", name=str(path))
    return found
