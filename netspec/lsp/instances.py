"""From an entry of a text to what the compiled network has of it: every copy, its layers, its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from netspec.frontend.containers import LAYERED
from netspec.graph.model import Graph, Node
from netspec.lsp.family import Family, below
from netspec.lsp.scope import kind_of
from netspec.shapes.tensor import TensorType
from netspec.source.tree import Map, Scalar, Tree


@dataclass(frozen=True)
class CompiledNetwork:
    """A compiled network beside the text that it came from, or an earlier state of it."""

    graph: Graph
    family: Family

    def instances(self, path: tuple[str, ...]) -> list[str]:
        """The full names of all copies of an entry, in order; none where the network has no such layer."""
        if path[0] == "blocks":
            prefixes = [f"{scope.name}." for scope in self.graph.scopes.values() if scope.kind == path[1]]
            names = _names(path[3:])
        else:
            prefixes, names = [""], _names(path[1:])
        copies: list[str] = []
        for name in names:
            copies = [copy for prefix in prefixes for copy in self._copies(f"{prefix}{name}")]
            prefixes = [f"{copy}." for copy in copies]
        return copies

    def _copies(self, name: str) -> Iterator[str]:
        if self._has(name):
            yield name
            return
        for index in count():
            if not self._has(f"{name}.{index}"):
                return
            yield f"{name}.{index}"

    def _has(self, name: str) -> bool:
        return name in self.graph or name in self.graph.scopes

    def outputs(self, path: tuple[str, ...], name: str) -> dict[str, TensorType]:
        """What one copy of an entry gives, by port; nothing where it cannot be told."""
        if name in self.graph:
            return dict(self.graph[name].outputs)
        block = kind_of(self.family, path)
        home = ("blocks", block) if block else path
        named = self.family.at(*home, "outputs") if block else None
        if isinstance(named, Map):
            return self._named(home, name, named)
        body = (*home, "layers")
        for last in reversed(list(_entries(self.family.at(*body)))):
            copies = list(self._copies(f"{name}.{last}"))
            if copies:
                return self.outputs((*body, last), copies[-1])
        return {}

    def _named(self, home: tuple[str, ...], name: str, named: Map) -> dict[str, TensorType]:
        """The outputs that a block names."""
        types: dict[str, TensorType] = {}
        for port, target in named.entries.items():
            if not isinstance(target, Scalar) or not isinstance(target.value, str):
                continue
            first, *rest = target.value.split(".")
            copies = list(self._copies(f"{name}.{first}"))
            if not copies:
                continue
            if rest and f"{name}.{target.value}" in self.graph:
                inner = dict(self.graph[f"{name}.{target.value}"].outputs)
            else:
                inner = self.outputs((*home, "layers", first), copies[-1])
            if rest and rest[-1] in inner:
                types[port] = inner[rest[-1]]
            elif "" in inner:
                types[port] = inner[""]
        return {"": next(iter(types.values()))} if len(types) == 1 else types

    def nodes(self, name: str) -> list[Node]:
        """The layer of this name, and all layers inside."""
        return [node for node in self.graph.layers() if node.name == name or node.name.startswith(f"{name}.")]


def _names(path: Sequence[str]) -> list[str]:
    """The part of a full name that a path below a body stands for: `body, shortcut, layers, conv`: body.shortcut.conv.

    `layers` is where a name stands in the text and no name itself, and so is `branches`; a path of it is one.
    """
    names = [*path[:1]]
    rest = list(path[1:])
    while rest:
        key = rest.pop(0)
        if key == "branches":
            names += rest[:2]
            rest = rest[2:]
        elif key == "layers":
            names += rest[:1]
            rest = rest[1:]
        else:
            names.append(key)  # an option; `layers` follows
    return names


def entries_below(tree: Tree | None) -> Iterator[tuple[tuple[str, ...], Map]]:
    """Every mapping of layers of a file's tree, with its path: the network's, blocks', and those inside containers."""
    layers = below(tree, ("layers",))
    if isinstance(layers, Map):
        yield from _bodies(layers, ("layers",))
    for name, block in _entries(below(tree, ("blocks",))).items():
        inner = below(block, ("layers",))
        if isinstance(inner, Map):
            yield from _bodies(inner, ("blocks", name, "layers"))


def _bodies(body: Map, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Map]]:
    yield path, body
    for name, entry in body.entries.items():
        for key, value in _entries(entry).items():
            if key == "layers" and isinstance(value, Map):
                yield from _bodies(value, (*path, name, key))
            elif key == "branches":
                for branch, layers in _entries(value).items():
                    if isinstance(layers, Map):
                        yield from _bodies(layers, (*path, name, key, branch))
            elif key in LAYERED and isinstance(inner := below(value, ("layers",)), Map):
                yield from _bodies(inner, (*path, name, key, "layers"))


def _entries(tree: Tree | None) -> dict[str, Tree]:
    return tree.entries if isinstance(tree, Map) else {}
