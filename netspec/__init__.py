"""netspec: a declarative architecture compiler.

`load` compiles a YAML file to a graph with shapes, without importing torch; `to_torch`, `to_onnx`, `diff` and
`train` take it from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.spec import load

__version__ = "0.1.0"
__all__ = ["Graph", "NetspecError", "diff", "load", "to_onnx", "to_torch", "train"]

_LATER = {  # what needs a heavier import than `load` does
    "to_torch": "netspec.backends.torch.module",
    "to_onnx": "netspec.backends.onnx.model",
    "diff": "netspec.review.diff",
    "train": "netspec.training.loop",
}


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in _LATER:
        raise AttributeError(f"module 'netspec' has no attribute '{name}'")
    from importlib import import_module

    function: Callable[..., Any] = getattr(import_module(_LATER[name]), name)
    globals()[name] = function
    return function
