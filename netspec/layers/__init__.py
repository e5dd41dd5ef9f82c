"""Layer kinds.  Every module in this folder is discovered, and every installed `netspec.layers` entry point."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from netspec.layers.base import KINDS, Layer


@cache
def kinds() -> dict[str, type[Layer]]:
    """All layer kinds by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for point in entry_points(group="netspec.layers"):
        point.load()
    return dict(sorted(KINDS.items()))
