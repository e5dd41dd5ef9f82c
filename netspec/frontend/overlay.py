"""`extends`: one tree laid over another by name."""

from __future__ import annotations

from netspec.source.errors import Problem, Problems, did_you_mean
from netspec.source.tree import Map, Scalar, Tree

# What a mapping holds -> what the values under its keys hold ("*": every other key).
_INSIDE: dict[str, dict[str, str]] = {
    "": {"blocks": "blocks", "cells": "cells", "layers": "layers", "data": "data", "train": "train"},
    "blocks": {"*": "block"},
    "cells": {"*": "cell"},
    "cell": {"params": "params"},
    "block": {"params": "params", "layers": "layers"},
    "layers": {"*": "layer"},
    "layer": {"layers": "layers", "branches": "branches", "shortcut": "part", "gate": "part"},
    "part": {"layers": "layers"},
    "branches": {"*": "layers"},
}

_SHORT = {"data": ("source",), "train": ("optimizer", "schedule")}  # a name there is short for a mapping


def overlay(parent: Map, child: Map, problems: Problems, holds: str = "") -> Map:
    """The parent with the child's keys laid over it: mappings merge, `null` removes, the rest replaces.

    A new name stands right after the name above it in the child (at the end, when there is none), so that a
    variant can put a layer in the middle of its parent, or one in the place of another that it removes.
    Reports a `null` that removes nothing (NS303).
    """
    entries, spans = dict(parent.entries), dict(parent.key_spans)
    behind: dict[str, list[str]] = {}  # name -> the new names right after it
    above = ""
    for key, value in child.entries.items():
        if isinstance(value, Scalar) and value.value is None and holds != "params":  # there: a required parameter
            if key not in parent:
                near = did_you_mean(key, parent.entries, f"it has {', '.join(list(parent.entries)[:12])}")
                problems.append(
                    Problem(
                        "NS303",
                        f"`{key}: null` removes nothing: there is no `{key}` to remove",
                        child.key_span(key),
                        near if parent.entries else "",
                    )
                )
            else:
                entries.pop(key)
        else:
            old = parent.get(key)
            if old is None:
                behind.setdefault(above, []).append(key)
            entries[key] = value if old is None else _over(old, value, key, problems, holds)
            spans[key] = child.key_span(key)
        above = key

    order: list[str] = []
    waiting = [*reversed(parent.entries)]
    while waiting:  # each name, then the new ones behind it, and what is new behind those
        key = waiting.pop()
        order.append(key)
        waiting += reversed(behind.pop(key, []))
    order += behind.pop("", [])
    for key in order:
        order += behind.pop(key, [])
    return Map({k: entries[k] for k in order if k in entries}, child.span, spans)


def _over(old: Tree, new: Tree, key: str, problems: Problems, holds: str) -> Tree:
    if not isinstance(new, Map):
        return new
    short = holds == "layers" or (key in _SHORT.get(holds, ()) and "type" not in new)
    if short and isinstance(old, Scalar):  # `relu: relu` is short for `relu: {type: relu}`
        old = Map({"type": old}, old.span, {"type": old.span})
    if not isinstance(old, Map):
        return new
    inside = _INSIDE.get(holds, {})
    return overlay(old, new, problems, inside.get(key, inside.get("*", "other")))
