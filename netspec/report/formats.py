"""Formats of a report: one file each in the report's folder, named as users name it with `--format`.

Such a file has a function `render`, which takes what the report is about and yields its parts in the order in which
they are printed: text or rich's renderables for standard output, `Stderr` for standard error, and `Remark` for what
`--quiet` leaves out.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Stderr:
    """Text for standard error: a problem, a warning, a note."""

    text: str


@dataclass(frozen=True)
class Remark:
    """Text for standard output that says only that all is well."""

    text: str


@dataclass(frozen=True)
class Formats:
    """The formats in one package, found by its files; a module is imported when its format is asked for."""

    package: str
    default: str

    def names(self) -> list[str]:
        """Every format, the default first."""
        spec = find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations is not None, f"{self.package} is no package"
        modules = {module.name for module in pkgutil.iter_modules(spec.submodule_search_locations)}
        return [self.default, *sorted(modules - {self.default})]

    def render(self, name: str, *subject: Any) -> Iterable[Any]:
        """The parts of a report in the format of this name."""
        parts: Iterable[Any] = import_module(f"{self.package}.{name}").render(*subject)
        return parts
