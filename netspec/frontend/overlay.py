"""`extends`: one tree laid over another by name."""

from __future__ import annotations

from netspec.frontend.holds import inside, is_short, spelled_out
from netspec.source.errors import Problem, Problems, did_you_mean
from netspec.source.tree import Map, Scalar, Tree


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
    if is_short(holds, key) and (holds == "layers" or "type" not in new):
        old = spelled_out(old)
    if not isinstance(old, Map):
        return new
    return overlay(old, new, problems, inside(holds, key))
