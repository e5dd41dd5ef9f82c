"""Where a place is in a tree: the path of keys to it, and whether it is on a key or in a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netspec.lsp.symbols import covers
from netspec.source.text import Span
from netspec.source.tree import Items, Map, Scalar, Tree


@dataclass(frozen=True)
class Spot:
    """`path` is that of the mapping; `key` the entry of it that the place is in, on its name or in its value."""

    path: tuple[str, ...]
    mapping: Map
    key: str
    on_key: bool
    scalar: Scalar | None  # the value at the place, if it is in one
    levels: tuple[dict[str, str], ...]  # the plain values of the mappings down to this one

    @property
    def span(self) -> Span:
        return self.mapping.key_span(self.key) if self.on_key or self.scalar is None else self.scalar.span


def spot_at(root: Map, line: int, column: int) -> Spot | None:
    path: list[str] = []
    levels: list[dict[str, str]] = []
    mapping = root
    while True:
        levels.append(plain_values(mapping))
        key, on_key = _entry_at(mapping, line, column)
        if key is None:
            return None
        value = mapping.entries[key]
        if not on_key and isinstance(value, Map):
            path.append(key)
            mapping = value
            continue
        scalar = None if on_key else next((s for s in scalars(value) if covers(s.span, line, column)), None)
        return Spot(tuple(path), mapping, key, on_key, scalar, tuple(levels))


def _entry_at(mapping: Map, line: int, column: int) -> tuple[str | None, bool]:
    """The entry whose name or value covers a place."""
    for key, value in mapping.entries.items():
        if covers(mapping.key_span(key), line, column):
            return key, True
        if covers(value.span, line, column):
            return key, False
    return None, False


def plain_values(mapping: Map) -> dict[str, str]:
    """What completion reads of the lines: the plain values, of a mapping none."""
    return {
        k: str(v.value) if isinstance(v, Scalar) and v.value is not None else "" for k, v in mapping.entries.items()
    }


def scalars(tree: Tree) -> Iterator[Scalar]:
    if isinstance(tree, Scalar):
        yield tree
    else:
        for inner in tree.items if isinstance(tree, Items) else tree.entries.values():
            yield from scalars(inner)
