"""The network as a tree of submodules: one for each block instance and container, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netspec.graph.model import Graph, Node


@dataclass
class Submodule:
    """A module to be: its path, its kind, and what it holds in order."""

    path: str
    kind: str
    children: list[Node | Submodule] = field(default_factory=list)

    def nodes(self) -> Iterator[Node]:
        """All layers inside, in order."""
        for child in self.children:
            if isinstance(child, Node):
                yield child
            else:
                yield from child.nodes()

    def local(self, path: str) -> str:
        """A name as it stands in this module; a merge carries its container's name, in which it stands itself."""
        return path[len(self.path) + 1 :] if self.path else path


def submodules_of(graph: Graph) -> Submodule:
    """The tree, its root the network itself."""
    root = Submodule("", "Network")
    by_path = {"": root}

    def submodule(path: str) -> Submodule:
        if path not in by_path:
            above = path.rpartition(".")[0]
            while above and above not in graph.scopes:
                above = above.rpartition(".")[0]
            by_path[path] = Submodule(path, graph.scopes[path].kind)
            submodule(above).children.append(by_path[path])
        return by_path[path]

    for node in graph.layers():
        submodule(node.scope).children.append(node)
    return root
