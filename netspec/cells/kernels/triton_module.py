"""Triton text as an imported module: Triton reads its functions' source from a file, so that there has to be one.

The files lie in $XDG_CACHE_HOME/netspec/triton (or ~/.cache), named by a hash of their text and of the versions.  One
that does not hold exactly the text is written anew, to another name first: two processes may do so at once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from netspec.source.files import write_whole


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
    return _load(text, interpreted())


@cache
def _load(text: str, interpreting: bool) -> ModuleType:
    """Decorating decides whether a function is compiled or interpreted: a module for each."""
    versions = [importlib.metadata.version(name) for name in ("netspec", "triton")]
    digest = hashlib.sha256("\n".join([*versions, text]).encode()).hexdigest()[:32]
    path = _written(f"loop_{digest}.py", text)
    spec = importlib.util.spec_from_file_location(f"netspec_{path.stem}{'_interpreted' * interpreting}", path)
    assert spec is not None and spec.loader is not None  # the path ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _written(name: str, text: str) -> Path:
    try:
        return _write(_folder(), name, text)
    except OSError:  # no home, or a read-only one
        return _write(_own_folder(), name, text)


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "netspec" / "triton"


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="netspec-triton-"))


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != text.encode():
        write_whole(path, lambda file: file.write(text.encode()), lambda _, error: error)
    return path
