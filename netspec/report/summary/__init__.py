"""`netspec summary`: the layers of a network with shapes and costs.  Each file here is one format."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.graph.cost import cost_of, depth, reach_text, reaches, total
from netspec.graph.model import Graph, Input
from netspec.report.numbers import byte_size, count, short
from netspec.shapes.dim import Size


@dataclass(frozen=True)
class Row:
    """One layer; FLOPs and activation bytes are for one sample."""

    name: str
    kind: str
    reads: list[str]
    shape: str
    params: int
    flops: Size
    activations: Size
    receptive_field: str


COLUMNS = ("layer", "kind", "output", "parameters", "FLOPs", "activations", "receptive field")
NOTE = "FLOPs and activations are for one sample; a multiply-add counts as one FLOP."


def rows(graph: Graph) -> list[Row]:
    """One row a node, the inputs first."""
    table = []
    for node, reach in reaches(graph):
        shape = ", ".join(f"{port} {type_}" if port else str(type_) for port, type_ in node.outputs.items())
        if isinstance(node.layer, Input):
            dtype = "" if node.type.dtype == "float32" else f" {node.type.dtype}"
            table.append(Row(node.name, "input", [], shape + dtype, 0, 0, 0, ""))
        else:
            cost = cost_of(graph, node)
            reads = [str(ref) for ref in node.inputs]
            table.append(
                Row(node.name, node.kind, reads, shape, cost.params, cost.flops, cost.activations, reach_text(reach))
            )
    return table


def row_text(row: Row) -> tuple[str, ...]:
    """A row under `COLUMNS` as people read it."""
    if row.kind == "input":
        return (row.name, "input", row.shape, "", "", "", "")
    params = count(row.params) if row.params else ""
    flops = short(row.flops) if row.flops else ""
    activations = byte_size(row.activations) if row.activations else ""
    return (row.name, row.kind, row.shape, params, flops, activations, row.receptive_field)


def totals(graph: Graph) -> list[tuple[str, str]]:
    """The figures under the table."""
    cost = total(graph)
    lines = [
        ("parameters", count(cost.params)),
        ("FLOPs", count(cost.flops)),
        ("activations", byte_size(cost.activations)),
        ("depth", f"{depth(graph)} with weights on the longest path"),
    ]
    if graph.lengths.conditions:
        lines.append(("lengths", ", ".join(f"{c} ({c.by})" for c in graph.lengths.conditions)))
    for key, actual in (("params", cost.params), ("flops", cost.flops), ("activations", cost.activations)):
        bound = getattr(graph.budget, key)
        if bound and isinstance(actual, int):
            lines.append((f"budget {key}", f"{actual / bound:.1%} of {bound:,}"))
    return lines
