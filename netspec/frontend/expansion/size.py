"""How large a network may become."""

from __future__ import annotations

from netspec.source.errors import NetspecError

MAX_LAYERS = 100_000


class NetworkTooLargeError(NetspecError):
    """The network has too many layers: nothing further is looked at."""
