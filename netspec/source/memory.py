"""Too little memory, of a processor or a GPU, as one kind of error: NS625 with what was needed."""

from __future__ import annotations

import errno
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.text import bytes_text

# As torch, NumPy, the C++ library, onnxruntime and the system say it, and how much was asked for where they tell.
_SHORTAGE = re.compile(
    r"can(?:no|')t allocate memory|not enough memory|out of memory|bad[_ ]alloc|unable to allocate"
    r"|failed to allocate memory|storage size calculation overflowed|integer multiplication overflow|array is too big"
    r"|maximum allowed size|is larger than the maximum possible size",
    re.IGNORECASE,
)
_BYTES = re.compile(r"(?:tried to allocate|buffer of size) (\d+)(?: bytes|$)", re.IGNORECASE)
_AMOUNT = re.compile(r"(?:unable|tried) to allocate ([\d.]+ [KMGTP]?i?B)", re.IGNORECASE)


@contextmanager
def memory(what: str, device: str = "cpu", hint: str = "") -> Iterator[None]:
    """Raises NS625 in place of any library's own error of too little memory; `what` was being done."""
    try:
        yield
    except Exception as error:
        asked = _asked(error)
        if asked is None:
            raise
        needed = f": {asked} more were needed at once" if asked else ""
        raise NetspecError("NS625", f"out of memory on {device} {what}{needed}", hint=hint) from None


def _asked(error: Exception) -> str | None:
    """How much was asked for, "" where the error does not tell; None: it is another error."""
    if isinstance(error, NetspecError):
        return None
    text = str(error)
    if not (_SHORTAGE.search(text) or isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM):
        return None
    number, amount = _BYTES.search(text), _AMOUNT.search(text)
    return bytes_text(int(number[1])) if number else amount[1] if amount else ""


def is_shortage(error: Exception) -> bool:
    """Whether an error of a library is of too little memory, which somebody above tells."""
    return _asked(error) is not None


def require_memory(needed: int, what: str, hint: str = "") -> None:
    """Raises NS625 before memory is taken that is not there: the system would end the process without a word."""
    free = available()
    if free is not None and needed > free:
        message = f"out of memory on cpu {what}: {bytes_text(needed)} are needed, {bytes_text(free)} are free"
        raise NetspecError("NS625", message, hint=hint)


def available() -> int | None:
    """Bytes that this process may still take; None where the system does not say."""
    limits = [n for n in (_of_system(), _of_group(), _of_process()) if n is not None]
    return max(0, min(limits)) if limits else None


def _of_system() -> int | None:
    with suppress(OSError, ValueError, KeyError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return sum(int(lines[key].split()[0]) for key in ("MemAvailable", "SwapFree")) * 1024
    return None


def _of_group() -> int | None:
    """Of the container."""
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        taken = int((group / "memory.current").read_text())
        cached = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.MULTILINE)
        return int((group / "memory.max").read_text()) - taken + int(cached[1] if cached else 0)
    return None


def _of_process() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, ValueError):
        return limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return limit
