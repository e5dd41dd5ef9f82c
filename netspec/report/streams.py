"""Standard output and error that may be full, closed at the other end, gone with the terminal, or not in UTF-8."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class Stream:
    """A text stream that keeps its first error; what cannot be shown from then on is left out.

    A training goes on to its end though nobody can be told: all that it says is in its folder.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None
        with suppress(AttributeError, ValueError, OSError):  # a character that it has not is shown as ?
            stream.reconfigure(errors="replace")  # type: ignore[attr-defined]  # those of the interpreter have it

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.error = error
        with suppress(OSError, ValueError):  # what is buffered is written out by the interpreter at its end
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # who writes bytes to it would pass this by
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """While a command runs.  Its exit status is at least 1 where not all could be shown; stderr says why.

    Nothing is said of a reader that has had enough, such as `head`.
    """
    before = sys.stdout, sys.stderr
    streams = [None if stream is None else Stream(stream) for stream in before]
    sys.stdout, sys.stderr = streams
    end: SystemExit | None = None
    try:
        yield
    except SystemExit as error:
        end = error
    finally:
        sys.stdout, sys.stderr = before
        _finish(streams)
    if any(stream is not None and stream.error is not None for stream in streams) and not (end and end.code):
        raise SystemExit(1)
    if end is not None:
        raise end


def _finish(streams: list[Stream | None]) -> None:
    out, err = streams
    if out is not None:
        out.flush()
    if out is not None and out.error is not None and out.error.errno != errno.EPIPE and err is not None:
        err.write(f"netspec: standard output cannot be written: {out.error.strerror or out.error}\n")
    if err is not None:
        err.flush()
