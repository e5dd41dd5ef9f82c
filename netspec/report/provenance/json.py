"""Where a run or a model came from, for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from netspec.review.provenance import Provenance

FORMAT_VERSION = 1


def render(provenance: Provenance) -> Iterator[str]:
    data = {
        "format_version": FORMAT_VERSION,
        "name": provenance.name,
        "kind": "run" if provenance.info else "model",
        "network": provenance.graph.name,
        "origin": None if provenance.origin is None else asdict(provenance.origin),
        "digests": None if provenance.recorded is None else asdict(provenance.recorded),
        "computed_digests": None if provenance.computed is None else asdict(provenance.computed),
        "now": [asdict(standing) for standing in provenance.standings],
    }
    yield json.dumps(data, indent=2, ensure_ascii=False)
