"""What is on a wire: the type that its maker gives out, and how the file wires it."""

from __future__ import annotations

from netspec.frontend.names import Wire
from netspec.graph.model import Graph
from netspec.layers.base import Wired
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Related


def type_on(graph: Graph, wire: Wire | None) -> TensorType | None:
    """The type of a wire; None when what makes it is already reported.  Raises NS308 for a port that is not there."""
    if wire is None or wire.node not in graph:
        return None
    outputs = graph[wire.node].outputs
    if wire.port in outputs:
        return outputs[wire.port]
    ports = ", ".join(f"`{wire.label.removesuffix('.' + wire.port)}.{p}`" for p in outputs if p)
    text = f"`{wire.label}` gives several tensors" if not wire.port else f"`{wire.node}` has no output `{wire.port}`"
    hint = f"name one of {ports}" if ports else "it has a single output: leave the port out"
    raise NetspecError("NS308", text, wire.ref, hint=hint)


def wired(graph: Graph, wire: Wire, type_: TensorType, port: str) -> Wired:
    """One input of a layer as the file wires it; `port` is the name that `from: {name: …}` gives it."""
    outputs, name = graph[wire.node].outputs, wire.node.rpartition(".")[2]
    written = not wire.port and wire.label.rpartition(".")[2] == name  # not a block's name for what it is given
    others = {port: type_ for port, type_ in outputs.items() if port} if written else {}
    return Wired(wire.label, type_, port, wire.node if wire.node in graph.inputs else "", others)


def producer(wire: Wire, type_: TensorType) -> Related:
    """Where a wire comes from, for a message about what reads it."""
    return Related(wire.label, str(type_), wire.span, wire.through)
