"""What is read from outside has an end: files alone, and no more of them than half of the memory holds."""

from __future__ import annotations

import os
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from netspec.source.text import bytes_text


def open_file(path: Path) -> BufferedReader:
    """To read.  Raises OSError, also for a folder, a pipe or a device, which might have no end."""
    if not path.is_file():
        if not path.exists():
            raise FileNotFoundError(2, "it is a link that leads nowhere" if path.is_symlink() else "no such file")
        raise OSError(f"it is a {'folder' if path.is_dir() else 'pipe or a device'}, expected a file")
    return path.open("rb")


def read_whole(path: Path) -> bytes:
    """A file's bytes.  Raises OSError where it has none, or more than `most_bytes`."""
    most, chunks = most_bytes(), []
    with open_file(path) as file:
        size, count = path.stat().st_size, 0
        while size <= most and (chunk := file.read(1 << 24)):
            chunks.append(chunk)
            count += len(chunk)
            size = max(size, count)  # a file may be longer than it says
    if size > most:
        raise OSError(f"it has {bytes_text(size)}, which is more than half of the memory")
    return b"".join(chunks)


def most_bytes() -> int:
    """How much may be read at once: half of the memory of the machine, or of the container that it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return memory // 2
