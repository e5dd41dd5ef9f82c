"""From a layer back to the change of the text that it comes of: by the entries that it was expanded from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netspec.frontend.containers import LAYERED
from netspec.frontend.document import Document
from netspec.frontend.holds import spelled_out
from netspec.graph.model import Node
from netspec.review.difference import Cause, Difference, LayerChange
from netspec.review.explain.cause_lines import is_entry
from netspec.source.text import Span
from netspec.source.tree import Map, Scalar, Tree

_EXPRESSION = re.compile(r"\$(?:(\w+)|\((.*)\))", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Expanded:
    """One entry on the way to a layer: the name that it stands under, its tree, and the block that holds it."""

    name: Span
    tree: Map
    block: str
    key: str


class CauseFinder:
    """The causes of one comparison, and one of its documents: the newer, or the older for layers that were removed."""

    def __init__(self, causes: Sequence[Cause], document: Document) -> None:
        self.root = document.root
        self.by_entry: dict[Span, list[Cause]] = {}
        self.by_path: dict[str, Cause] = {}
        for cause in causes:
            self.by_path.setdefault(cause.path, cause)
            if cause.entry is not None:
                self.by_entry.setdefault(cause.entry, []).append(cause)

    def cause_of(self, layer: Node, key: str = "") -> Cause | None:
        """Why a layer is there, or is not as it was; `key` is the key of it that has another value.

        A change of the layer's own entry comes first; then for a key what its value names (arguments, variables),
        for a layer the entries that hold it, the nearest first.
        """
        way = list(self.expanded(layer.name))
        if not way:
            return None
        of_entry = self.by_entry.get(way[-1].name, [])
        of_key = [cause for cause in of_entry if not key or _key(cause) == key or is_entry(cause)]
        if of_key:
            return of_key[0]
        is_own = layer.name.rstrip(".0123456789").rpartition(".")[2] == way[-1].key.rstrip("0123456789")
        value = (
            way[-1].tree.get(key) if key and is_own else way[-1].tree
        )  # else a container made it: a shortcut, a gate
        named = None if value is None else self.named_in(value, way)
        if key and named:
            return named
        for entry in reversed(way[:-1]):
            holding = [cause for cause in self.by_entry.get(entry.name, ()) if not key or is_entry(cause)]
            if holding:
                return holding[0]
        return named

    def expanded(self, name: str) -> Iterator[Expanded]:
        """The entries that a layer comes of, outermost first: its block's use, containers in it, its own."""
        layers, block = self.root.get("layers"), ""
        parts = name.split(".")
        while parts and isinstance(layers, Map):
            part = parts.pop(0)
            written = layers.get(part)
            tree = spelled_out(written) if written is not None else None
            if not isinstance(tree, Map):
                return
            yield Expanded(layers.key_span(part), tree, block, part)
            if "repeat" in tree and parts and parts[0].isdigit():
                parts.pop(0)
            kind = _text(tree.get("type"))
            declared = _below(self.root, "blocks", kind)
            branches = tree.get("branches")
            option = tree.get(parts[0]) if parts and parts[0] in LAYERED else None
            if isinstance(declared, Map):
                layers, block = declared.get("layers"), kind
            elif isinstance(branches, Map):
                layers = branches.get(parts.pop(0)) if parts else None
            elif isinstance(option, Map):
                parts.pop(0)
                layers = option.get("layers")
            else:
                layers = tree.get("layers")

    def named_in(self, value: Tree, way: Sequence[Expanded]) -> Cause | None:
        """The change of what a value names: arguments of the block's use, defaults of its parameters, variables."""
        block = way[-1].block
        depth = next((i for i, entry in enumerate(way) if entry.block == block), 0) if block else 0
        for name in _names(value):
            parameter = _below(self.root, "blocks", block, "params", name) if block else None
            if parameter is None:
                if cause := self.by_path.get(f"vars.{name}"):
                    return cause
                continue
            use = way[depth - 1]
            argument = use.tree.get(name)
            changed = [c for c in self.by_entry.get(use.name, ()) if _key(c) == name]
            if changed:
                return changed[0]
            if argument is None:
                if cause := self.by_path.get(f"blocks.{block}.params.{name}"):
                    return cause
                argument = parameter
            if cause := self.named_in(argument, way[:depth]):
                return cause
        return None


class LayerCauses:
    """Why each layer of a difference is another one; nothing is known of networks without a text."""

    def __init__(self, difference: Difference) -> None:
        written = difference.causes
        documents = difference.before.document, difference.after.document
        self.before, self.after = (CauseFinder(written, d) if d is not None else None for d in documents)
        self.base = next((c for c in written if c.path in ("extends", "include")), None)

    def of(self, layer: LayerChange) -> list[Cause]:
        """The changes of the text that its changes come of, each once; of what another file brought, its name."""
        finder, node = (self.before, layer.before) if layer.after is None else (self.after, layer.after)
        if finder is None or node is None or layer.status == "affected":
            return []
        keys = [change.what.partition(".")[0] for change in layer.changes] if layer.before and layer.after else []
        causes = (finder.cause_of(node, key) for key in keys or [""])
        unique = dict.fromkeys(cause for cause in causes if cause is not None)
        return list(unique) if unique or self.base is None else [self.base]


def _key(cause: Cause) -> str:
    return cause.path.rpartition(".")[2]


def _names(tree: Tree) -> Iterator[str]:
    """The names in the expressions of a value."""
    if isinstance(tree, Map):
        for value in tree.entries.values():
            yield from _names(value)
    elif isinstance(tree, Scalar):
        for match in _EXPRESSION.finditer(tree.value) if isinstance(tree.value, str) else ():
            yield from _NAME.findall(match[1] or match[2])
    else:
        for item in tree.items:
            yield from _names(item)


def _below(tree: Tree | None, *keys: str) -> Tree | None:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Map) else None
    return tree


def _text(tree: Tree | None) -> str:
    return str(tree.value) if isinstance(tree, Scalar) else ""
