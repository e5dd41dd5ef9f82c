"""Which layer of one network is which of another.

A layer is the same when its name is.  Of the rest, a removed layer and an added one are one renamed when they are
alike and stand alike: the same kind and parameters, and the same neighbour on at least one side.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from netspec.graph.model import Graph, Node

MANY = 100_000  # pairs of layers


def pair(before: Graph, after: Graph) -> list[tuple[Node, Node]]:
    """The layers that are in both networks, each with itself."""
    same = [(before[n.name], n) for n in after.layers() if n.name in before and n.name not in before.inputs]
    paired = {b.name for _, b in same}
    old = [n for n in before.layers() if n.name not in paired]
    new = [n for n in after.layers() if n.name not in paired]
    names = {a.name: b.name for a, b in same} | {n: n for n in before.inputs}
    alike = [(old[i], new[j]) for i, j in align([_signature(n) for n in old], [_signature(n) for n in new])]
    names |= {a.name: b.name for a, b in alike}
    renamed = [(a, b) for a, b in alike if _stand_alike(a, b, before, after, names)]
    return same + renamed + _renamed_groups(renamed, old, new)


def align(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int]]:
    """Positions of equal values in the same order; equal beginnings and ends are not searched, which takes a square."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    last = next((i for i in range(shorter - first) if old[-1 - i] != new[-1 - i]), shorter - first)
    yield from zip(range(first), range(first), strict=True)
    a, b = old[first : len(old) - last], new[first : len(new) - last]
    matcher = SequenceMatcher(None, a, b, autojunk=len(a) * len(b) > MANY)  # then frequent values decide nothing
    for i, j, size in matcher.get_matching_blocks():
        yield from ((first + i + k, first + j + k) for k in range(size))
    yield from ((len(old) - k, len(new) - k) for k in range(last, 0, -1))


def _renamed_groups(renamed: list[tuple[Node, Node]], old: list[Node], new: list[Node]) -> list[tuple[Node, Node]]:
    """Layers of a group that has another name now: `stage1.0.conv` is `phase1.0.conv`, changed as it may be."""
    groups = dict(_group(a.name, b.name) for a, b in renamed)
    paired_old, paired_new = {a.name for a, _ in renamed}, {b.name for _, b in renamed}
    candidates = {n.name: n for n in new if n.name not in paired_new}
    pairs = []
    for node in old:
        parts = node.name.split(".")
        for i in range(1, len(parts)):
            group = groups.get(".".join(parts[:i]))
            name = ".".join([group, *parts[i:]]) if group else ""
            if node.name not in paired_old and name in candidates:
                pairs.append((node, candidates.pop(name)))
                break
    return pairs


def _group(a: str, b: str) -> tuple[str, str]:
    """What differs of two paths: all but the end that they share."""
    left, right = a.split("."), b.split(".")
    while len(left) > 1 and len(right) > 1 and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return ".".join(left), ".".join(right)


def _signature(node: Node) -> tuple[str, str]:
    return node.kind, repr(node.layer)


def _stand_alike(a: Node, b: Node, before: Graph, after: Graph, names: dict[str, str]) -> bool:
    """Whether both read the same layers, or the same layers read both."""
    reads = [names.get(r.node) for r in a.inputs] == [r.node for r in b.inputs]
    readers = [names.get(c) for c in before.consumers(a.name)]
    return reads or (bool(readers) and readers == after.consumers(b.name))
