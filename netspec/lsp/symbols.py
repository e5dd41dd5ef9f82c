"""What has a name, and every place where it is written.

A name is known by its path in the merged document: `layers.conv1` of a variant is `layers.conv1` of its parent, since
`extends` lays one over the other by name.  So renaming in one file renames in the others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from netspec.frontend import formula
from netspec.frontend.containers import LAYERED, WIRING
from netspec.frontend.expression import pieces
from netspec.lsp.family import Family, Member, below
from netspec.lsp.scope import NameScope, Symbol, keys_of, kind_of, output_named, resolve
from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.source.tree import Items, Map, Scalar, Tree

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Occurrence:
    """One place where a symbol is written: by its name, and nothing else."""

    symbol: Symbol
    file: Path
    span: Span
    defines: bool

    @property
    def as_named(self) -> bool:
        """Whether the text there is the name itself, so that another can be put in its place."""
        line = self.span.source.lines[self.span.line - 1] if self.span.line <= len(self.span.source.lines) else ""
        return line[self.span.column - 1 : self.span.end_column - 1] == self.symbol.name


def occurrences(family: Family) -> list[Occurrence]:
    """Of every file of a family, in the order of its text."""
    return [name for member in family.members.values() for name in _Names(family, member).file()]


class _Names:
    def __init__(self, family: Family, member: Member) -> None:
        self.family, self.member = family, member
        self.vars = {name: Symbol("variable", ("vars", name)) for name in keys_of(family.at("vars"))}
        inputs = {name: Symbol("input", ("inputs", name)) for name in keys_of(family.at("inputs"))}
        self.top = NameScope(("layers",), None, inputs, self.vars)

    def file(self) -> Iterator[Occurrence]:
        for section, tree in self.member.tree.entries.items():
            if section == "layers":
                yield from self.body(tree, self.top)
            elif section == "outputs":
                yield from self.outputs(tree, ("outputs",), self.top)
            elif section == "blocks":
                yield from self.blocks(tree)
            elif section in ("vars", "cells"):
                yield from self.keys(tree, {"vars": "variable", "cells": "cell"}[section], (section,))
            elif section == "inputs":
                yield from self.keys(tree, "input", (section,))
                yield from self.expressions(tree, self.vars)
            elif section in ("data", "train"):
                yield from self.learning(tree)
                yield from self.expressions(tree, self.vars)

    def of(self, symbol: Symbol, span: Span, *, defines: bool = False) -> Occurrence:
        return Occurrence(symbol, self.member.path, span, defines)

    def keys(self, tree: Tree, kind: str, path: tuple[str, ...]) -> Iterator[Occurrence]:
        for name in keys_of(tree):
            assert isinstance(tree, Map)
            yield self.of(Symbol(kind, (*path, name)), tree.key_span(name), defines=True)

    def blocks(self, tree: Tree) -> Iterator[Occurrence]:
        yield from self.keys(tree, "block", ("blocks",))
        for name, block in tree.entries.items() if isinstance(tree, Map) else ():
            if not isinstance(block, Map):
                continue
            path = ("blocks", name)
            params = {p: Symbol("parameter", (*path, "params", p)) for p in keys_of(self.family.at(*path, "params"))}
            env = {**self.vars, **params}
            inputs = {n: Symbol("input", (*path, "inputs", n)) for n in self.inputs_of(name)}
            scope = NameScope((*path, "layers"), None, inputs, env)
            if (declared := block.get("params")) is not None:
                yield from self.keys(declared, "parameter", (*path, "params"))
                yield from self.expressions(declared, env)
            for item in ports.items if isinstance(ports := block.get("inputs"), Items) else ():
                if isinstance(item, Scalar) and item.value in inputs:
                    yield self.of(inputs[item.value], _inner(item), defines=True)
            if (layers := block.get("layers")) is not None:
                yield from self.body(layers, scope)
            if (outputs := block.get("outputs")) is not None:
                yield from self.outputs(outputs, (*path, "outputs"), scope)

    def inputs_of(self, block: str) -> list[str]:
        named = self.family.at("blocks", block, "inputs")
        items = named.items if isinstance(named, Items) else []
        return [item.value for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]

    def outputs(self, tree: Tree, path: tuple[str, ...], scope: NameScope) -> Iterator[Occurrence]:
        yield from self.keys(tree, "output", path)
        for target in tree.entries.values() if isinstance(tree, Map) else ():
            yield from self.reference(target, scope)

    def body(self, tree: Tree, scope: NameScope) -> Iterator[Occurrence]:
        for name, entry in tree.entries.items() if isinstance(tree, Map) else ():
            assert isinstance(tree, Map)
            path = (*scope.body, name)
            yield self.of(Symbol("layer", path), tree.key_span(name), defines=True)
            yield from self.entry(entry, path, scope)

    def entry(self, entry: Tree, path: tuple[str, ...], scope: NameScope) -> Iterator[Occurrence]:
        """What a layer's entry names: its kind, what it reads, what its values are made of, and its own layers."""
        if not isinstance(entry, Map):
            yield from self.kind(entry, scope)
            return
        block = kind_of(self.family, path)
        params = keys_of(self.family.at("blocks", block, "params")) if block else ()
        for key, value in entry.entries.items():
            if key == "type":
                yield from self.kind(value, scope)
            elif key == "from":
                yield from self.sources(value, block, scope)
            elif key == "share":
                yield from self.reference(value, scope)
            elif key == "cell" and isinstance(value, Scalar) and value.value in keys_of(self.family.at("cells")):
                yield self.of(Symbol("cell", ("cells", str(value.value))), _inner(value))
            elif key == "layers":
                yield from self.body(value, NameScope((*path, "layers"), scope, {}, scope.env))
            elif key == "branches" and isinstance(value, Map):
                yield from self.keys(value, "path", (*path, "branches"))
                for branch, layers in value.entries.items():
                    yield from self.body(layers, NameScope((*path, "branches", branch), scope, {}, scope.env))
            elif key in LAYERED and isinstance(value, Map):
                inner = value.get("layers")
                if inner is not None:
                    yield from self.body(inner, NameScope((*path, key, "layers"), scope, {}, scope.env))
            else:
                if key in params and key not in WIRING:
                    yield self.of(Symbol("parameter", ("blocks", block, "params", key)), entry.key_span(key))
                yield from self.expressions(value, scope.env)

    def kind(self, tag: Tree, scope: NameScope) -> Iterator[Occurrence]:
        if isinstance(tag, Scalar) and isinstance(tag.value, str):
            if tag.value in keys_of(self.family.at("blocks")):
                yield self.of(Symbol("block", ("blocks", tag.value)), _inner(tag))
            yield from self.expressions(tag, scope.env)

    def sources(self, tree: Tree, block: str, scope: NameScope) -> Iterator[Occurrence]:
        if isinstance(tree, Map):
            inputs = self.inputs_of(block)
            for port in tree.entries:
                if port in inputs:
                    yield self.of(Symbol("input", ("blocks", block, "inputs", port)), tree.key_span(port))
        for item in (
            tree.items if isinstance(tree, Items) else tree.entries.values() if isinstance(tree, Map) else [tree]
        ):
            yield from self.reference(item, scope)

    def reference(self, tree: Tree, scope: NameScope) -> Iterator[Occurrence]:
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
            return
        if "$" in tree.value:
            yield from self.expressions(tree, scope.env)
            return
        offset = tree.inset
        for part, symbol in zip(tree.value.split("."), resolve(self.family, tree.value, scope), strict=False):
            if symbol is not None:
                yield self.of(symbol, tree.span.within(offset, offset + len(part)))
            offset += len(part) + 1

    def learning(self, tree: Tree) -> Iterator[Occurrence]:
        """Keys of `data` and `train` that are names of inputs and outputs."""
        loss = below(tree, ("loss",))
        if isinstance(loss, Map) and "type" not in loss:
            yield from self.ends(loss, "output")
        for key, kind in (("features", "input"), ("target", "output")):
            yield from self.ends(below(tree, ("source", key)), kind)

    def ends(self, tree: Tree | None, kind: str) -> Iterator[Occurrence]:
        for name in keys_of(tree):
            assert isinstance(tree, Map)
            symbol = self.top.others.get(name) if kind == "input" else output_named(self.family, name)
            if symbol is not None:
                yield self.of(symbol, tree.key_span(name))

    def expressions(self, tree: Tree, env: Mapping[str, Symbol]) -> Iterator[Occurrence]:
        if not isinstance(tree, Scalar):
            for inner in tree.items if isinstance(tree, Items) else tree.entries.values():
                yield from self.expressions(inner, env)
        elif isinstance(tree.value, str) and "$" in tree.value:
            for name, start in names_in(tree):
                if name in env:
                    span = tree.span.within(tree.inset + start, tree.inset + start + len(name))
                    yield self.of(env[name], span)


def names_in(scalar: Scalar) -> Iterator[tuple[str, int]]:
    """The names that the expressions of a scalar use, with their offsets in it; of one that is broken all words."""
    try:
        parts = pieces(scalar)
    except NetspecError:
        parts = [(scalar.value, 0)]
    for text, offset in parts:
        if offset < 0:
            continue
        try:
            tree = formula.parse(text)
        except formula.WrongError:
            yield from ((match[0], offset + match.start()) for match in _WORD.finditer(text))
            continue
        called = {offset_of(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and offset_of(node) not in called:
                yield node.id, offset + node.col_offset - 1  # formula.py puts the text in brackets


def offset_of(node: ast.expr) -> tuple[int, int]:
    """Where a node of an expression stands, which tells it apart from all others of its kind."""
    return (node.lineno, node.col_offset)


def at(names: list[Occurrence], file: Path, line: int, column: int) -> Occurrence | None:
    """The occurrence at a place, the narrowest."""
    covering = [o for o in names if o.file == file and covers(o.span, line, column)]
    return min(covering, key=lambda o: o.span.end_column - o.span.column, default=None)


def covers(span: Span, line: int, column: int) -> bool:
    """Whether a place is in a span, or right behind it: the cursor stands between two characters."""
    return (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def _inner(scalar: Scalar) -> Span:
    """The text of a scalar without its quotes."""
    return scalar.span.within(scalar.inset, scalar.inset + len(str(scalar.value)))
