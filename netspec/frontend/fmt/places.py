"""What the mappings of a document hold, by which their keys are ordered, and whether each has a line of its own."""

from __future__ import annotations

from collections.abc import Iterable

from netspec.cells.language.parse import KEYS as CELL_KEYS
from netspec.frontend.blocks import KEYS as BLOCK_KEYS
from netspec.frontend.containers import CONTAINERS, LAYERED, WIRING, body_key
from netspec.frontend.holds import INSIDE
from netspec.layers import kinds
from netspec.source.records import fields_of
from netspec.source.tree import Map, Scalar, Tree

SECTION_ORDER = (
    "netspec", "extends", "include", "name", "description", "source",
    "vars", "inputs", "blocks", "cells", "layers", "outputs", "budget", "data", "train",
)  # fmt: skip  # a table
BODIES = ("layers", "branches")

_TYPED: dict[str, dict[str, str]] = {
    "layer": {"init": "typed"},
    "data": {"*": "typed"},
    "train": {"*": "typed"},
    "typed": {"*": "typed"},
    "cell": {"equations": "equations", "init": "typed"},
}
_FIXED = {"": SECTION_ORDER, "block": BLOCK_KEYS, "cell": CELL_KEYS, "typed": ("type",)}
_A_LINE_EACH = {"", "inputs", "blocks", "block", "cells", "cell", "weights", "equations", "layers", "branches", "part",
                "data", "train"}  # fmt: skip


def held_by(holds: str, key: str) -> str:
    """What a mapping holds that stands under a key of another: `layers`, `layer`, `block` …"""
    inside = {**INSIDE.get(holds, {}), **_TYPED.get(holds, {})}
    return inside.get(key, inside.get("*", "other"))


def is_ordered(holds: str) -> bool:
    """Whether the order of keys says nothing, so that there is one for all files."""
    return holds in _FIXED or holds == "layer"


def a_line_each(tree: Tree, holds: str) -> bool:
    """Whether every key or item has a line, however short; a layer's where layers stand in it."""
    if holds != "layer" or not isinstance(tree, Map):
        return holds in _A_LINE_EACH
    return any(isinstance(tree.get(key), Map) for key in (*BODIES, *LAYERED))


def in_order(tree: Map, holds: str, root: Map) -> list[str]:
    """The keys of a mapping as they are written; `root` has the blocks that layers may be of.

    Of a layer: its kind, the kind's fields as it declares them, the wiring, and last the layers in it.
    """
    if not is_ordered(holds):
        return list(tree.entries)
    if holds != "layer":
        return _sorted(tree, _FIXED[holds], ())
    wiring = WIRING[1:]
    return _sorted(tree, ("type", *_fields(tree, root)), (*wiring, *BODIES))


def _sorted(tree: Map, first: Iterable[str], last: Iterable[str]) -> list[str]:
    """Known keys in their order; others as they are written, between those that come first and last."""
    firsts = [key for key in dict.fromkeys(first) if key in tree]
    lasts = [key for key in last if key in tree and key not in firsts]
    return [*firsts, *(key for key in tree.entries if key not in firsts and key not in lasts), *lasts]


def _fields(tree: Map, root: Map) -> list[str]:
    tag = tree.get("type")
    kind = tag.value if isinstance(tag, Scalar) else None
    if not isinstance(kind, str):
        return []  # a variant's change: only the parent knows the kind
    blocks = root.get("blocks")
    block = blocks.get(kind) if isinstance(blocks, Map) else None
    if isinstance(block, Map):
        params = block.get("params")
        return list(params.entries) if isinstance(params, Map) else []
    if kind in CONTAINERS:
        return [key for key in fields_of(CONTAINERS[kind]) if key != body_key(kind)]
    return list(fields_of(kinds()[kind])) if kind in kinds() else []
