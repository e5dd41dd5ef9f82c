"""Writing files so that an interruption leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from netspec.source.errors import NetspecError


def write_file(path: Path, data: bytes | str, code: str = "NS601") -> None:
    """Write to a temporary name in the same folder, flush to disk, rename.  Raises `code` with the system's reason."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        reason = error.strerror or str(error)
        raise NetspecError(code, f"cannot be written: {reason}", name=str(path),
                           hint="nothing was lost: what stood there before is unchanged") from None  # fmt: skip


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
