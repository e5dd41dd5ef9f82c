"""Run recurrent layers as ordinary torch operations, whatever would be faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PLAIN_ONLY: ContextVar[bool] = ContextVar("plain_only", default=False)


@contextmanager
def plain_only() -> Iterator[None]:
    """Within, every recurrent layer runs as ordinary torch operations: slow, and differentiable any number of times."""
    token = PLAIN_ONLY.set(True)
    try:
        yield
    finally:
        PLAIN_ONLY.reset(token)
