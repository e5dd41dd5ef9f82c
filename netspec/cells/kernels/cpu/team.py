"""The threads that kernels run on: torch's own OpenMP team."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Team:
    """The OpenMP threads that torch runs on: two pools would fight for the cores."""

    parallel: Any
    number: int
    count: int


@cache
def team() -> Team | None:
    """torch's threads; None where its OpenMP library is none of those that are known."""
    for name in ("libgomp.so.1", "libomp.so", "libomp.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        try:
            library = ctypes.CDLL(str(path))
            parallel = library.GOMP_parallel
            number, count = library.omp_get_thread_num, library.omp_get_num_threads
        except (OSError, AttributeError):
            continue
        parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
        parallel.restype = None
        return Team(parallel, _address(number), _address(count))
    return None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
