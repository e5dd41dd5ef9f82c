"""Records that know where they were written."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.source.text import Span
from netspec.source.tree import Tree

NOT_A_KEY = {"key": False}  # metadata of a record's field that no file can set


@dataclass(frozen=True)
class Written:
    """A record with the tree it was read from, so that what turns out wrong later is shown at its place.

    Records of equal values are equal, wherever they were written; one that code made has no tree, and no places.
    """

    tree: Tree | None = field(default=None, kw_only=True, compare=False, repr=False, metadata=NOT_A_KEY)

    def span_at(self, *path: str | int) -> Span | None:
        """The place of the value at a path of keys and item numbers; of the nearest above it where it is missing."""
        return None if self.tree is None else self.tree.span_at(*path)
