"""The operators that cells are recognised as, one file each: every module of this folder declares an `OPERATOR`."""

from __future__ import annotations

import importlib
import pkgutil

from netspec.cells.recognise.operator import Operator


def _operators() -> tuple[Operator, ...]:
    modules = [importlib.import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]
    return tuple(module.OPERATOR for module in modules)


OPERATORS = _operators()
