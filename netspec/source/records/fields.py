"""The fields of a record: a dataclass whose fields are the keys of a mapping."""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Field:
    """One key of a record: its type, and its default where it has one."""

    name: str
    annotation: Any
    default: Any
    required: bool
    added: bool = False  # JSON of older versions lacks it: its default then


ADDED = {"added": True}  # metadata of such a field
_FIELDS: dict[type, dict[str, Field]] = {}  # as many as there are records


def fields_of(cls: type) -> dict[str, Field]:
    """The keys of a record by name, in the order of its signature: those that are keyword-only come last."""
    if cls not in _FIELDS:
        _FIELDS[cls] = _fields_of(cls)
    return _FIELDS[cls]


def _fields_of(cls: Any) -> dict[str, Field]:
    hints = get_type_hints(cls, include_extras=True)
    by_name = {}
    for f in sorted(fields(cls), key=lambda f: f.kw_only is True):
        if not f.metadata.get("key", True):
            continue
        default = (
            f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else MISSING
        )
        by_name[f.name] = Field(f.name, hints[f.name], default, default is MISSING, f.metadata.get("added", False))
    return by_name


def options_of(annotation: Any) -> tuple[Any, ...]:
    """The types that a union is of, bounds and choices left out; of any other type itself."""
    if get_origin(annotation) is Annotated:
        return options_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(option for part in get_args(annotation) for option in options_of(part))
    return (annotation,)
