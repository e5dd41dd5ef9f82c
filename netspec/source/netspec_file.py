"""Whether bytes are those of a netspec file, or of the lock of one, without reading them as one."""

from __future__ import annotations

import re

_LINE_BREAK = rb"[\n\r]|\xc2\x85|\xe2\x80[\xa8\xa9]"  # those of YAML 1.1, which the parser takes
_VERSION = re.compile(rb"""(?:^|,|%s)(?:\xef\xbb\xbf)?[\s{?]*["']?netspec["']?\s*:""" % _LINE_BREAK)
_LOCK = re.compile(rb"^lock: \d+\s+name: .*\s+digests:$", re.MULTILINE)
LOCK_SUFFIX = ".lock"
MOST = 1 << 20  # bytes in which it is looked for: no netspec file has more


def is_netspec(data: bytes) -> bool:
    """Whether there is a key `netspec`: also in files that are broken, or hold nothing but blocks for others."""
    return _VERSION.search(data, 0, MOST) is not None


def is_lock(data: bytes) -> bool:
    """Whether these are the first lines of a netspec file's lock: other tools have files that end like it."""
    return _LOCK.search(data) is not None
