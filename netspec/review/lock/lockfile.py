"""`NAME.lock`: the network of a file written out, to be reviewed and held to.  locked.py reads it.

One line a layer: its kind and fields, what it reads, its shape and its cost.  All that a comparison needs is there, so
that a lock is a side of a comparison like a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from netspec.frontend.document import Document
from netspec.frontend.fmt.scalars import flow_text
from netspec.frontend.resolved import dump
from netspec.graph.cost import cost_of, depth, total
from netspec.graph.digest import digests
from netspec.graph.model import Graph, Node, Ref
from netspec.layers.init import INITS, Init
from netspec.layers.recurrent import CellLayer
from netspec.review.changes.layer_changes import set_fields
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.netspec_file import LOCK_SUFFIX
from netspec.source.records import fields_of
from netspec.source.records.fit import fits

VERSION = 1
RESULTS = ("output", "ports", "parameters", "flops")  # of a layer: what follows from the rest; no kind has such keys


def lock_path(file: Path) -> Path:
    """`net.lock` beside `net.yaml`."""
    return file.with_suffix(LOCK_SUFFIX)


def lock_text(graph: Graph, document: Document | None, file: str) -> str:
    """The lock of a network that was compiled from `document`, which stands in `file`."""
    return "\n".join(_lines(graph, document, file)) + "\n"


def _lines(graph: Graph, document: Document | None, file: str) -> Iterator[str]:
    cost = total(graph)
    yield f"# What {file} is as a network: `netspec lock` writes it, `netspec lock --check` holds the file to it."
    yield f"lock: {VERSION}"
    yield f"name: {flow_text(graph.name)}"
    yield from _section("digests", asdict(digests(graph)))
    totals = {"parameters": cost.params, "flops": cost.flops, "activations": cost.activations, "depth": depth(graph)}
    yield f"totals: {flow_text({key: _size(value) for key, value in totals.items()})}"
    if graph.lengths.conditions:
        yield f"lengths: {flow_text(graph.lengths.text())}"
    yield from _section("inputs", {name: _type(type_) for name, type_ in graph.inputs.items()})
    types = graph.output_types()
    yield from _section("outputs", {n: {"from": _ref(r), **_result(types[n])} for n, r in graph.outputs.items()})
    if cells := _cells(graph, document):
        yield dump({"cells": cells}).rstrip("\n")
    yield "layers:"
    above = next(reversed(graph.inputs), "")
    for node in graph.layers():
        yield f"  {node.name}: {flow_text(_layer(graph, node, above))}"
        above = node.name
    if graph.scopes:
        yield from _section("containers", {path: scope.kind for path, scope in graph.scopes.items()})


def _section(name: str, entries: Mapping[str, Any]) -> Iterator[str]:
    yield f"{name}:"
    yield from (f"  {key}: {flow_text(value)}" for key, value in entries.items())


def _layer(graph: Graph, node: Node, above: str) -> dict[str, Any]:
    """The line of a layer; `from` is left out where it reads the layer above."""
    line: dict[str, Any] = {"type": node.kind, **_fields(node)}
    if [str(ref) for ref in node.inputs] != [above]:
        line["from"] = [_ref(ref) for ref in node.inputs]
    if node.share:
        line["share"] = node.share
    if node.init:
        line["init"] = {name: _init(init) for name, init in node.init.items()}
    if node.freeze:
        line["freeze"] = True
    if "" in node.outputs:
        line["output"] = _type(node.outputs[""])
    if ports := {port: _type(type_) for port, type_ in node.outputs.items() if port}:
        line["ports"] = ports
    cost = cost_of(graph, node)
    costs = {"parameters": cost.params, "flops": cost.flops}
    return line | {key: _size(value) for key, value in costs.items() if value}


def _fields(node: Node) -> dict[str, Any]:
    """The fields that are not at their defaults; containers make layers with `(2,)` where a file can have 2 alone."""
    declared = fields_of(type(node.layer))
    values = {key: _plain(value) for key, value in set_fields(node).items()}
    short = {k: v[0] for k, v in values.items() if isinstance(v, list) and len(v) == 1}
    return values | {k: v for k, v in short.items() if not fits(values[k], declared[k].annotation)}


def _ref(ref: Ref) -> str:
    """`lstm:state` is a port: the names of layers have points in them."""
    return f"{ref.node}:{ref.port}" if ref.port else ref.node


def _result(type_: TensorType) -> dict[str, Any]:
    shape = {"shape": [_size(size) for size in type_.shape[1:]]}
    return shape if type_.dtype == "float32" else {**shape, "dtype": type_.dtype}


def _type(type_: TensorType) -> Any:
    """As `inputs` of a file has it: without the batch."""
    result = _result(type_)
    return result if "dtype" in result else result["shape"]


def _size(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


def _init(init: Init) -> Any:
    """A rule by its name and the values that are not at their defaults."""
    name = next(name for name, record in INITS.records.items() if record is type(init))
    values = {f.name: getattr(init, f.name) for f in fields(init)}  # type: ignore[arg-type]  # every rule is a dataclass
    return {"type": name, **values} if values else name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _cells(graph: Graph, document: Document | None) -> dict[str, Any]:
    """The file's own cells that its layers are of."""
    section = document.section("cells") if document else None
    used = {node.layer.the_cell.name for node in graph.layers() if isinstance(node.layer, CellLayer)}
    return {name: tree.plain() for name, tree in section.entries.items() if name in used} if section else {}
