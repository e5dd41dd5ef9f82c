"""Layers and networks of one layer, for the tests of the kinds."""

from __future__ import annotations

from typing import Any

import netspec
from netspec.layers import kinds
from netspec.source.records import read
from netspec.source.text import Source
from netspec.source.tree import Map, parse


def layer(kind: str, fields: str = "") -> Any:
    """A layer read from its fields as they stand in a file."""
    tree = parse(Source("fields", f"{{{fields}}}"))
    assert isinstance(tree, Map)
    return read(tree, kinds()[kind], kind)


def one_layer(kind: str, fields: str, *shapes: str) -> tuple[Any, Any]:
    """Graph and module of a network of one layer, `it`, with inputs a, b, …"""
    names = "abcd"[: len(shapes)]
    inputs = "".join(f"  {name}: {shape}\n" for name, shape in zip(names, shapes, strict=True))
    fields = f", {fields}" if fields else ""
    graph = netspec.load(
        f"netspec: 1\ninputs:\n{inputs}layers:\n  it: {{type: {kind}{fields}, from: [{', '.join(names)}]}}\n"
    )
    return graph, netspec.to_torch(graph).eval()
