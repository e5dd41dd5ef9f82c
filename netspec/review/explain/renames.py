"""Keys that were renamed, and whether a value is the older one with those names in it: such a value is no edit."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from netspec.review.explain.tree_values import Path, same
from netspec.source.tree import Items, Scalar, Tree

# What a mapping holds -> what renames of its keys are followed in.
_RENAMED = {
    "vars": "value",
    "params": "value",
    "blocks": "type",
    "cells": "cell",
    "layers": "layer",
    "inputs": "layer",
    "branches": "layer",
    "weights": "equation",
    "state": "equation",
    "equations": "equation",
}
_WORD = re.compile(r"[A-Za-z_]\w*")
_EXPRESSION = re.compile(r"\$(?:\w+|\(.*\))", re.DOTALL)


@dataclass
class Renames:
    """old name -> new ones, by where it is referred to: `type`, `cell`, `layer`, `equation`, `value` (expressions)."""

    names: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    solved: dict[Path, dict[str, str]] = field(default_factory=dict)  # mappings all of whose keys were found again
    arguments: dict[str, dict[str, str]] = field(default_factory=dict)  # block -> its parameters under other names

    def note(self, holds: str, path: Path, old: str, new: str) -> None:
        if where := _RENAMED.get(holds):
            self.names[where][old.removesuffix("[t]")].add(new.removesuffix("[t]"))
        if path[:1] == ("blocks",) and holds == "params":
            self.arguments.setdefault(path[1], {})[old] = new

    def followed(self, before: Tree, after: Tree, holds: str, key: str) -> bool:
        """Whether a value is the older one with names that are others now."""
        if isinstance(before, Items) and isinstance(after, Items):
            return len(before.items) == len(after.items) and all(
                same(a, b) or self.followed(a, b, holds, key) for a, b in zip(before.items, after.items, strict=True)
            )
        if not (isinstance(before, Scalar) and isinstance(after, Scalar)):
            return False
        if not (isinstance(before.value, str) and isinstance(after.value, str)):
            return False
        reference = key in ("from", "share") or holds in ("outputs", "from")
        if key in ("type", "cell") and after.value in self.names.get(key, {}).get(before.value, ()):
            return True
        if reference and self._same_words(before.value, after.value, "layer"):
            return True
        if (holds == "equations" or key == "output") and self._same_words(before.value, after.value, "equation"):
            return True
        return bool(_EXPRESSION.search(before.value)) and self._same_words(before.value, after.value, "value")

    def _same_words(self, before: str, after: str, where: str) -> bool:
        """Whether two texts are equal but for words that were renamed, and nothing else."""
        known = self.names.get(where, {})
        old, new = _WORD.findall(before), _WORD.findall(after)
        return (
            _WORD.sub("", before) == _WORD.sub("", after)
            and len(old) == len(new)
            and all(a == b or b in known.get(a, ()) for a, b in zip(old, new, strict=True))
        )
