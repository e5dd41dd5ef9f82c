"""The containers of a network: blocks, `residual` and its like, repeats (`layer1`) and their copies (`layer1.0`).

A container is known by the dotted path in front of the names of its layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from netspec.graph.model import Graph, Node
from netspec.review.match.pairing import Pairs, likeness

MOST = 0.5  # of the layers of two containers, to be one under two names


@dataclass(frozen=True)
class Leaf:
    """One layer; `place` is its name in its container (`layer1.0` for a copy), `label` that without the number."""

    name: str
    place: str
    label: str
    key: Hashable  # what makes it equal to a layer of the other network
    kind: str
    paired: bool  # the key is its partner


@dataclass(frozen=True, eq=False)
class Container:
    """What stands in a container, in the order of the file, the copies of repeats in the place of the repeat."""

    path: str
    place: str
    label: str
    items: tuple[Item, ...]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """All layers in it."""
        inside = ((item,) if isinstance(item, Leaf) else item.leaves for item in self.items)
        return tuple(leaf for leaves in inside for leaf in leaves)

    @cached_property
    def key(self) -> Hashable:
        """Equal for containers of equal layers in one order, however they are grouped in it."""
        return tuple(leaf.key for leaf in self.leaves)

    @cached_property
    def kind(self) -> Hashable:
        return tuple(leaf.kind for leaf in self.leaves)

    @cached_property
    def counted(self) -> tuple[Counter[Hashable], Counter[Hashable]]:
        """How often each key is in it, and each kind."""
        return Counter(leaf.key for leaf in self.leaves), Counter(leaf.kind for leaf in self.leaves)


Item: TypeAlias = Leaf | Container


def tree_of(graph: Graph, meanings: Mapping[str, str], partners: Mapping[str, str]) -> Container:
    """The containers of a network as a tree; a layer that has a partner is equal to it alone."""
    root: dict[str, Any] = {}
    for node in graph.layers():
        *around, name = [*reversed(containers_of(node)), node.name]
        inside = root
        for path in around:
            inside = inside.setdefault(path + ".", {})
        inside[name] = _leaf(node, meanings, partners.get(node.name))
    return _container("", root)


def _leaf(node: Node, meanings: Mapping[str, str], partner: str | None) -> Leaf:
    key = meanings[node.name] if partner is None else ("is", partner)
    return Leaf(node.name, place_of(node.name), label_of(node.name), key, node.kind, partner is not None)


def _container(path: str, inside: dict[str, Any]) -> Container:
    items: list[Item] = []
    for name, item in inside.items():
        if isinstance(item, Leaf):
            items.append(item)
            continue
        container = _container(name.removesuffix("."), item)
        copies = all(child.rstrip(".").rpartition(".")[2].isdigit() for child in item)
        items += container.items if copies else (container,)
    return Container(path, place_of(path), label_of(path), tuple(items))


def label_of(name: str) -> str:
    """The last part of a name that is not the number of a copy: `layer1` of `layer1.0`."""
    return place_of(name).partition(".")[0]


def place_of(name: str) -> str:
    """The last part of a name, with the repeat that it is a copy of: `layer1.0` of `stages.layer1.0`."""
    parts = name.split(".")
    first = next((i for i in reversed(range(len(parts))) if not parts[i].isdigit()), 0)
    return ".".join(parts[first:])


def containers_of(node: Node) -> list[str]:
    """The containers around a layer, the innermost first; the layer that brings one together has its name."""
    paths = [node.name] if node.scope == node.name else []
    name = node.name
    while "." in name:
        name = name.rpartition(".")[0]
        paths.append(name)
    return paths


def copy_of(name: str) -> str:
    """The innermost copy of a repeat that a layer is in, or is; "" where it is in none."""
    parts = name.split(".")
    last = next((i for i in reversed(range(len(parts))) if parts[i].isdigit()), -1)
    return ".".join(parts[: last + 1])


def match_copies(pairs: Pairs[str]) -> Pairs[str]:
    """The copies of repeats that most of their paired layers have in common."""
    votes = Counter((copy_of(a), copy_of(b)) for a, b in pairs.after.items())
    copies: Pairs[str] = Pairs()
    for (a, b), _ in votes.most_common():
        if a and b:
            copies.put(a, b)
    return copies


def match_containers(before: Graph, after: Graph, names: Mapping[str, str]) -> dict[str, str]:
    """Containers that hold the same layers: those of which most are common first, then those of equal names."""
    old = {node.name: containers_of(node) for node in before.layers()}
    new = {node.name: containers_of(node) for node in after.layers()}
    size_before = Counter(path for paths in old.values() for path in paths)
    size_after = Counter(path for paths in new.values() for path in paths)
    common = Counter((x, y) for a, b in names.items() for x in old[a] for y in new[b])
    ranked = []
    for (x, y), count in common.items():
        share = 2 * count / (size_before[x] + size_after[y])
        if share >= MOST or x == y:
            ranked.append((-share, -likeness(x, y), x, y))
    pairs: Pairs[str] = Pairs()
    for _, _, x, y in sorted(ranked):
        pairs.put(x, y)
    for path in size_before:
        if path in size_after:
            pairs.put(path, path)
    return {path: pairs.after[path] for path in size_before if path in pairs.after}
