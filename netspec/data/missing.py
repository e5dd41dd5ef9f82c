"""Data that is not where its path leads."""

from __future__ import annotations

from pathlib import Path

from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import Span


class MissingDataError(NetspecError):
    """NS602: there is nothing at the path, so that the data may have moved."""


def missing_file(
    path: Path, name: str, span: Span | None, otherwise: str = "paths are relative to the netspec file"
) -> NetspecError:
    """NS602 with the nearest name in the same folder."""
    if path.is_symlink():
        return NetspecError("NS602", f"{name} is a link that leads nowhere", span, hint="put back what it leads to")
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        names = []
    hint = did_you_mean(path.name, names, otherwise)
    return MissingDataError("NS602", f"no such file: {name}", span, hint=hint)
