"""`netspec summary`: the layers of a network with shapes and costs, as a table, Markdown or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from netspec.graph.cost import cost_of, depth, reach_text, reaches, total
from netspec.graph.model import Graph, Input
from netspec.report.text import count, memory, short
from netspec.shapes.dim import Dim, Size


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
    found = []
    for node, reach in reaches(graph):
        shape = ", ".join(f"{port} {type_}" if port else str(type_) for port, type_ in node.outputs.items())
        if isinstance(node.layer, Input):
            dtype = "" if node.type.dtype == "float32" else f" {node.type.dtype}"
            found.append(Row(node.name, "input", [], shape + dtype, 0, 0, 0, ""))
        else:
            cost = cost_of(graph, node)
            reads = [str(ref) for ref in node.inputs]
            found.append(
                Row(node.name, node.kind, reads, shape, cost.params, cost.flops, cost.activations, reach_text(reach))
            )
    return found


def _cells(row: Row) -> tuple[str, ...]:
    if row.kind == "input":
        return (row.name, "input", row.shape, "", "", "", "")
    params = count(row.params) if row.params else ""
    flops = short(row.flops) if row.flops else ""
    activations = memory(row.activations) if row.activations else ""
    return (row.name, row.kind, row.shape, params, flops, activations, row.receptive_field)


def totals(graph: Graph) -> list[tuple[str, str]]:
    """The figures under the table."""
    cost = total(graph)
    lines = [
        ("parameters", count(cost.params)),
        ("FLOPs", count(cost.flops)),
        ("activations", memory(cost.activations)),
        ("depth", f"{depth(graph)} with weights on the longest path"),
    ]
    if graph.lengths.conditions:
        lines.append(("lengths", ", ".join(f"{c} ({c.by})" for c in graph.lengths.conditions)))
    for key, actual in (("params", cost.params), ("flops", cost.flops), ("activations", cost.activations)):
        bound = getattr(graph.budget, key)
        if bound and isinstance(actual, int):
            lines.append((f"budget {key}", f"{actual / bound:.1%} of {bound:,}"))
    return lines


def markdown(graph: Graph) -> str:
    """The table as Markdown, for a pull request or a wiki."""
    out = [f"### {graph.name}", ""] + ([graph.description, ""] if graph.description else [])
    out.append("| " + " | ".join(COLUMNS) + " |")
    out.append("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    out += ["| " + " | ".join(_cells(row)) + " |" for row in rows(graph)]
    out += ["", *(f"- {name}: {text}" for name, text in totals(graph)), "", NOTE]
    return "\n".join(out)


def as_json(graph: Graph) -> str:
    """The same figures for a program; a symbolic size is text."""
    cost = total(graph)
    data: dict[str, Any] = {
        "name": graph.name,
        "inputs": {k: {"shape": [_plain(s) for s in t.shape], "dtype": t.dtype} for k, t in graph.inputs.items()},
        "outputs": {
            k: {"shape": [_plain(s) for s in t.shape], "dtype": t.dtype} for k, t in graph.output_types().items()
        },
        "lengths": [{"condition": str(c), "layer": c.by} for c in graph.lengths.conditions],
        "params": cost.params,
        "flops": _plain(cost.flops),
        "activations": _plain(cost.activations),
        "depth": depth(graph),
        "layers": [{k: _plain(v) for k, v in asdict(row).items()} for row in rows(graph)],
    }
    return json.dumps(data, indent=2)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Dim) else value


def table(graph: Graph, width: int) -> Any:
    """The table for a terminal of so many columns (a rich renderable): what does not fit is left out from the right."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from netspec.report.grid import Grid

    cells = [_cells(row) for row in rows(graph)]
    widths = [max(len(c[i]) for c in (COLUMNS, *cells)) + 3 for i in range(len(COLUMNS))]
    shown = len(COLUMNS)
    while shown > 4 and sum(widths[:shown]) > width:
        shown -= 1
    grid = Grid(COLUMNS[:shown], [row[:shown] for row in cells], left=3, dim=lambda row: row[1] == "input")
    figures = Table(box=None, show_header=False, pad_edge=False)
    for name, text in totals(graph):
        figures.add_row(Text(name, style="bold"), Text(text))
    head = Text.assemble((graph.name, "bold"), f"  {graph.description}" if graph.description else "")
    source = [Text(graph.source, style="dim")] if graph.source else []
    note = NOTE
    if shown < len(COLUMNS):
        note += f" A wider terminal also shows: {', '.join(COLUMNS[shown:])}."
    return Group(head, *source, grid, figures, Text(note, style="dim"))
