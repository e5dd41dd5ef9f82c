"""Differences as a page for a browser: one picture of both networks, and what changed in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.report.page.assemble import page
from netspec.report.page.review import compared_data
from netspec.review.compared import Compared


def render(networks: Sequence[Compared], every: bool) -> Iterator[str]:
    """All of it, whether or not every layer is asked for."""
    yield page(compared_data(list(networks)))
