"""A difference for a program: every layer that has changed or is affected, with both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.report.diff import set_fields
from netspec.report.problems.json import as_data as problem_data
from netspec.review.compared import Compared
from netspec.review.difference import Change, Diff
from netspec.shapes.dim import Dim


def render(networks: Sequence[Compared], every: bool) -> Iterator[str]:
    shown = [
        {
            "path": network.path,
            "before": network.before,
            "after": network.after,
            "problems": [problem_data(problem) for problem in network.problems],
            "difference": as_data(network.difference) if network.difference is not None else None,
        }
        for network in networks
    ]
    yield json.dumps({"format_version": 1, "networks": shown}, indent=2, ensure_ascii=False)


def as_data(diff: Diff) -> dict[str, Any]:
    """The difference in JSON's types; symbolic sizes are text."""
    return {
        "inputs_and_outputs": [_change(c) for c in diff.interface],
        "totals": [_change(c) for c in diff.totals],
        "layers": [
            {
                "status": d.status,
                "before": _side(diff.before, d.before),
                "after": _side(diff.after, d.after),
                "changes": [_change(c) for c in d.changes],
                "effects": [_change(c) for c in d.effects],
            }
            for d in diff.layers
        ],
    }


def _side(graph: Graph, node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    cost = cost_of(graph, node)
    return {
        "name": node.name,
        "type": node.kind,
        "fields": {k: _plain(v) for k, v in set_fields(node)},
        "shape": {port or "output": str(t) for port, t in node.outputs.items()},
        "params": cost.params,
        "flops": _plain(cost.flops),
        "activations": _plain(cost.activations),
    }


def _change(change: Change) -> dict[str, Any]:
    return {"what": change.what, "before": _plain(change.before), "after": _plain(change.after)}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Dim) else list(value) if isinstance(value, tuple) else value
