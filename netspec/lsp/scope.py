"""What a name stands for: symbols, and how a reference is resolved in the network, a block, or a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.lsp.family import Family, below
from netspec.source.tree import Map, Scalar, Tree


@dataclass(frozen=True)
class Symbol:
    """Something named: what it is, and where the merged document has it."""

    kind: str  # layer | path | block | cell | variable | parameter | input | output
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path[-1]


@dataclass(frozen=True)
class NameScope:
    """The names that one body of layers sees: its own, those around it, in a block its inputs and parameters."""

    body: tuple[str, ...]
    parent: NameScope | None
    others: Mapping[str, Symbol]  # inputs of the network, or of the block
    env: Mapping[str, Symbol]


def resolve(family: Family, text: str, scope: NameScope | None) -> list[Symbol | None]:
    """What each part of a reference stands for; None for the number of a copy, a port, or what is not there."""
    first, *rest = text.split(".")
    while scope is not None:
        if first in scope.others:
            return [scope.others[first]]
        if first in keys_of(family.at(*scope.body)):
            break
        scope = scope.parent
    if scope is None:
        return [None]
    path = (*scope.body, first)
    symbols: list[Symbol | None] = [Symbol("layer", path)]
    for part in rest:
        entry = family.at(*path)
        block = kind_of(family, path)
        inside = {key: keys_of(below(entry, (key,))) for key in ("layers", "branches")}
        if part.isdigit() and isinstance(entry, Map) and "repeat" in entry:
            symbols.append(None)
        elif len(path) > 1 and path[-2] == "branches" and part in keys_of(entry):
            path = (*path, part)
            symbols.append(Symbol("layer", path))
        elif block and part in keys_of(family.at("blocks", block, "outputs")):
            return [*symbols, Symbol("output", ("blocks", block, "outputs", part))]
        elif not block and part in inside["layers"]:
            path = (*path, "layers", part)
            symbols.append(Symbol("layer", path))
        elif not block and part in inside["branches"]:
            path = (*path, "branches", part)
            symbols.append(Symbol("path", path))
        else:
            break
    return symbols


def kind_of(family: Family, path: tuple[str, ...]) -> str:
    """The block that an entry is of; "" where it is of none."""
    entry = family.at(*path)
    tag = entry.get("type") if isinstance(entry, Map) else entry
    name = tag.value if isinstance(tag, Scalar) else None
    return name if isinstance(name, str) and name in keys_of(family.at("blocks")) else ""


def output_named(family: Family, name: str) -> Symbol | None:
    """The output of the network that has this name: of `outputs`, or where there is none the last layer."""
    if family.at("outputs") is not None:
        return Symbol("output", ("outputs", name)) if name in keys_of(family.at("outputs")) else None
    layers = list(keys_of(family.at("layers")))
    return Symbol("layer", ("layers", name)) if layers and layers[-1] == name else None


def keys_of(tree: Tree | None) -> tuple[str, ...] | Mapping[str, Tree]:
    return tree.entries if isinstance(tree, Map) else ()
