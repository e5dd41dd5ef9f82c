"""A netspec file as the commands take it."""

from __future__ import annotations

from pathlib import Path

from netspec.spec import Spec, load


def compiled(file: str, sets: list[str] | None, *, hold_budget: bool = True) -> Spec:
    """The file with the changes of `--set`."""
    return load(Path(file), sets=sets or (), hold_budget=hold_budget)
