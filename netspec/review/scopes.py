"""The containers of a network: blocks, `residual` and its like, repeats (`layer1`) and their copies (`layer1.0`).

A container is known by the dotted path in front of the names of its layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from netspec.graph.model import Graph, Node
from netspec.review.isomorphism import Pairs, likeness

MOST = 0.5  # of the layers of two containers, to be one under two names


def containers_of(node: Node) -> list[str]:
    """The containers around a layer, the innermost first; the layer that brings one together has its name."""
    paths = [node.name] if node.scope == node.name else []
    name = node.name
    while "." in name:
        name = name.rpartition(".")[0]
        paths.append(name)
    return paths


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
