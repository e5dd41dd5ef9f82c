"""Triton text as a module.  Triton reads the source of its functions again, from `linecache`: no file has to lie
anywhere.  What Triton compiles from it, it keeps in a cache of its own (`TRITON_CACHE_DIR`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import os
import sys
from collections import OrderedDict
from functools import cache
from types import ModuleType

MAX_LOADED = 256
_LOADED: OrderedDict[str, ModuleType] = OrderedDict()


@cache
def has_triton() -> bool:
    """Whether Triton is installed (CUDA builds of torch bring it)."""
    return importlib.util.find_spec("triton") is not None


def interpreted() -> bool:
    """Whether Triton runs kernels in its interpreter, on the CPU (TRITON_INTERPRET=1)."""
    if not os.environ.get("TRITON_INTERPRET") or not has_triton():  # looked at first: importing Triton takes long
        return False
    import triton

    return bool(triton.knobs.runtime.interpret)


def load(text: str) -> ModuleType:
    """The module of a text."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    # Decorating decides whether a function is compiled or interpreted: a module for each.
    name = f"netspec_loop_{digest}{'_interpreted' * interpreted()}"
    if name not in _LOADED:
        _LOADED[name] = _load(name, text)
    _LOADED.move_to_end(name)
    if len(_LOADED) > MAX_LOADED:
        oldest, module = _LOADED.popitem(last=False)
        sys.modules.pop(oldest, None)
        linecache.cache.pop(str(module.__file__), None)
    return _LOADED[name]


def _load(name: str, text: str) -> ModuleType:
    module = ModuleType(name)
    file = module.__file__ = f"<{name}>"
    # Without a time of its own an entry is never looked for on disk.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[name] = module  # where a function's module is looked for
    exec(compile(text, file, "exec"), module.__dict__)
    return module
