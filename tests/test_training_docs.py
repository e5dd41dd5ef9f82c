"""docs/training.md: its tables of data sources and of what the recipe registers are the declarations that run.

`pytest tests/test_training_docs.py --overwrite` writes the tables anew: read the difference.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from netspec.data.sources.base import SOURCES
from netspec.recipe.losses.base import LOSSES
from netspec.recipe.metrics.base import METRICS
from netspec.recipe.optimizers.base import OPTIMIZERS
from netspec.recipe.schedules.base import SCHEDULES
from netspec.source.records import fields_of
from netspec.source.text import show

PAGE = Path(__file__).parents[1] / "docs" / "training.md"
TABLE = re.compile(r"(?<=\n\n)\| `(source|loss|optimizer|schedule|metrics)` \|.*\n(?:\|.*\n)*")


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, "| --- " * (head.count("|") - 1) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def meaning(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split()).replace("|", "\\|").replace("*", "\\*")


def keys(cls: type) -> str:
    return ", ".join(f"`{f.name}: {'…' if f.required else show(f.default)}`" for f in fields_of(cls).values())


def records(head: str, registry: Mapping[str, type]) -> str:
    return table(head, ((f"`{name}`", meaning(cls), keys(cls)) for name, cls in registry.items()))


def tables() -> dict[str, str]:
    losses = ((f"`{name}`", meaning(cls), cls.targets, keys(cls)) for name, cls in LOSSES.items())
    metrics = ((f"`{name}`", meaning(cls), ", ".join(cls.targets), cls.better) for name, cls in METRICS.items())
    return {
        "source": records("| `source` | samples | keys |", SOURCES),
        "loss": table("| `loss` | of one target | targets | keys |", losses),
        "optimizer": records("| `optimizer` | a step | keys |", OPTIMIZERS),
        "schedule": records("| `schedule` | f(t) | keys |", SCHEDULES),
        "metrics": table("| `metrics` | of a part | targets | better |", metrics),
    }


def test_the_tables(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [match[1] for match in TABLE.finditer(text)] == ["source", "loss", "optimizer", "schedule", "metrics"]
    renewed = TABLE.sub(lambda match: tables()[match[1]], text)
    if request.config.getoption("--overwrite"):
        PAGE.write_text(renewed, encoding="utf-8")
        text = renewed
    assert text == renewed
