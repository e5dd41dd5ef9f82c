"""The room is called as the function that it is about: `netspec.train(graph)` works whether or not one of its modules
has been imported before, which makes `netspec.train` this package."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from netspec.train.loop import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
