"""The same figures for a program; a symbolic size is text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from netspec.graph.cost import depth, total
from netspec.graph.model import Graph
from netspec.report.summary import rows
from netspec.shapes.dim import Dim


def render(graph: Graph) -> Iterator[str]:
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
    yield json.dumps(data, indent=2)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Dim) else value
