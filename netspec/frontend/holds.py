"""What each mapping of a document holds: layers, blocks, branches, or keys that netspec gave their names."""

from __future__ import annotations

from netspec.source.tree import Map, Scalar, Tree

# What a mapping holds -> what the values under its keys hold ("*": every other key).
INSIDE: dict[str, dict[str, str]] = {
    "": {
        "vars": "vars",
        "inputs": "inputs",
        "blocks": "blocks",
        "cells": "cells",
        "layers": "layers",
        "outputs": "outputs",
        "data": "data",
        "train": "train",
    },
    "blocks": {"*": "block"},
    "cells": {"*": "cell"},
    "cell": {"params": "params", "state": "state", "weights": "weights"},
    "block": {"params": "params", "layers": "layers", "outputs": "outputs"},
    "layers": {"*": "layer"},
    "layer": {"layers": "layers", "branches": "branches", "shortcut": "part", "gate": "part"},
    "part": {"layers": "layers"},
    "branches": {"*": "layers"},
}
# Mappings whose keys are names that the file gives.
NAMED = frozenset({"vars", "inputs", "blocks", "cells", "layers", "outputs", "branches", "params", "state", "weights"})
_SHORT = {"data": ("source",), "train": ("optimizer", "schedule")}  # a name there is short for a mapping


def inside(holds: str, key: str) -> str:
    """What the value under a key holds, in a mapping that holds `holds`."""
    keys = INSIDE.get(holds, {})
    return keys.get(key, keys.get("*", "other"))


def is_short(holds: str, key: str) -> bool:
    """Whether a bare name under a key is short for a mapping with that `type`: `relu: relu`, `source: digits`."""
    return holds == "layers" or key in _SHORT.get(holds, ())


def spelled_out(tree: Tree) -> Tree:
    """`relu` as `{type: relu}`; a mapping as it is."""
    if isinstance(tree, Scalar):
        return Map({"type": tree}, tree.span, {"type": tree.span})
    return tree
