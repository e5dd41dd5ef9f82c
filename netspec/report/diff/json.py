"""Differences for a program: `schemas/diff.schema.json` says what stands where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from netspec.report.difference_record import document
from netspec.review.compared import Compared


def render(networks: Sequence[Compared], every: bool) -> Iterator[str]:
    """All of it, whether or not every layer is asked for."""
    yield json.dumps(document(networks), indent=2, ensure_ascii=False)
