"""Whether bytes are those of a netspec file, without reading them as one."""

from __future__ import annotations

import re

_VERSION = re.compile(rb"""(?:^|[\n,])(?:\xef\xbb\xbf)?[\s{]*["']?netspec["']?\s*:""")
MOST = 1 << 20  # bytes in which it is looked for: no netspec file has more


def is_netspec(data: bytes) -> bool:
    """Whether there is a key `netspec`: also in files that are broken, or hold nothing but blocks for others."""
    return _VERSION.search(data, 0, MOST) is not None
