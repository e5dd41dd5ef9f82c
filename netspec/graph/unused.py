"""Layers and inputs that no output depends on: mostly a slip of the pen."""

from __future__ import annotations

from netspec.graph.model import Graph, Input
from netspec.graph.needed import needed
from netspec.source.errors import Problem, note_problem
from netspec.source.text import Span


def warn_unused(graph: Graph) -> None:
    """Warn of the last of each unused path (NS312)."""
    used = needed(graph, weights=False)
    instances: dict[tuple[str, Span | None], int] = {}
    for node in graph.nodes():
        if node.name not in used and not any(reader not in used for reader in graph.consumers(node.name)):
            role = "input" if isinstance(node.layer, Input) else "layer"
            warning = Problem(
                "NS312",
                f"{role} `{node.name}` is not used by any output",
                node.span,
                "name it in `outputs` or in the `from` of a layer",
                route=node.route,
            )
            note_problem(graph.warnings, instances, warning)
