"""Values as they would be written in a file: `[3, 3]`, `true`, `{type: normal, std: 0.02}`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from netspec.layers.init import INITS, Constant, Init
from netspec.source.text import show


def value_text(value: Any) -> str:
    """A field's value; `none` where there is no value."""
    return "none" if value is None else value if isinstance(value, str) else show(value)


def init_text(init: Init) -> str:
    """An initialisation: its name, with the values that are not at their defaults; a constant as a number."""
    if isinstance(init, Constant):
        return show(int(init.value) if init.value.is_integer() else init.value)
    name = next((name for name, record in INITS.records.items() if record is type(init)), type(init).__name__.lower())
    values = {f.name: getattr(init, f.name) for f in fields(init) if getattr(init, f.name) != f.default}  # type: ignore[arg-type]  # every rule is a dataclass
    if not values:
        return name
    return show({"type": name, **values}, limit=10**6).replace("'", "")
