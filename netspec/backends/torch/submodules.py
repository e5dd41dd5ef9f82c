"""The network as a tree of submodules: one for each block instance and container, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netspec.graph.model import Graph, Node


@dataclass
class Submodule:
    """A module to be: its path, its kind, how deep it stands, and what it holds in order."""

    path: str
    kind: str
    depth: int
    children: list[Node | Submodule] = field(default_factory=list)

    def local(self, path: str) -> str:
        """A name as it stands in this module; a merge carries its container's name, in which it stands itself."""
        return path[len(self.path) + 1 :] if self.path else path


class SubmoduleTree:
    """All submodules of a network, the network itself at the root."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.root = Submodule("", "Network", 0)
        self.ways: dict[str, tuple[Submodule, ...]] = {
            "": (self.root,)
        }  # path -> the submodules from the root down to it
        self.way_of: dict[str, tuple[Submodule, ...]] = {}  # the same by the layers inside
        for node in graph.layers():
            self.way_of[node.name] = way = self._way(node.scope)
            way[-1].children.append(node)

    def _way(self, path: str) -> tuple[Submodule, ...]:
        if path not in self.ways:
            above = path.rpartition(".")[0]
            while above and above not in self.graph.scopes:
                above = above.rpartition(".")[0]
            way = self._way(above)
            submodule = Submodule(path, self.graph.scopes[path].kind, len(way))
            way[-1].children.append(submodule)
            self.ways[path] = (*way, submodule)
        return self.ways[path]

    def leaves(self, submodule: Submodule, readers: Iterable[str]) -> bool:
        """Whether one of these readers, or the network's outputs (the empty name), stand outside a submodule."""
        depth = submodule.depth
        for reader in readers:
            way = self.way_of.get(reader, ())
            if len(way) <= depth or way[depth] is not submodule:
                return True
        return False
