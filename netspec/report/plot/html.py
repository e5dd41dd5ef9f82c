"""A network as a page for a browser, its containers opened by the reader."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.graph.model import Graph
from netspec.report.page.assemble import page
from netspec.report.page.data import network_data


def render(graph: Graph, depth: int | None = None) -> Iterator[str]:
    """`depth` is for formats that cannot be opened later."""
    yield page(network_data(graph))
