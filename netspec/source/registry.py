"""What is found by its file: each file of a folder declares the one class that has the file's name.

`recipe/losses/hinge.py` declares the loss `hinge`.  The folder is the only list of names.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import ClassVar, Generic, TypeVar


class Registered:
    """What a registry holds: its name in netspec files, and the names that other libraries have for it."""

    name: ClassVar[str]
    elsewhere: ClassVar[tuple[str, ...]] = ()


D = TypeVar("D", bound=Registered)


class Registry(Mapping[str, type[D]], Generic[D]):
    """Name -> class, by the alphabet.  A file is imported when its class is asked for; the names are known without.

    `base`, and files whose names begin with `_`, declare nothing.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self._declared: dict[str, type[D]] = {}

    def declare(self, name: str, cls: type[D]) -> None:
        """Called by the decorator of the room.  Raises TypeError for a name that another class has."""
        if (other := self._declared.get(name)) is not None:
            raise TypeError(f"`{name}` is declared twice: in {other.__module__} and in {cls.__module__}")
        cls.name = name
        self._declared[name] = cls

    def __getitem__(self, name: str) -> type[D]:
        if name not in self._declared and name in self._files():
            importlib.import_module(f"{self.package}.{name}")
            if name not in self._declared:
                raise TypeError(f"{self.package}.{name} does not declare `{name}`")
        return self._declared[name]

    def __contains__(self, name: object) -> bool:
        return name in self._declared or name in self._files()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._declared.keys() | self._files()))

    def __len__(self) -> int:
        return len(self._declared.keys() | self._files())

    def _files(self) -> set[str]:
        folder = importlib.import_module(self.package).__path__
        return {m.name for m in pkgutil.iter_modules(folder) if m.name != "base" and not m.name.startswith("_")}

    def called(self, word: str) -> str:
        """The name here of what other libraries call `word`, in capitals or not; "" where there is none."""
        return next((name for name, cls in self.items() if word.lower() in cls.elsewhere), "")
