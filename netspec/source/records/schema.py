"""JSON schema (draft-07) of records and their fields, for editors."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from netspec.source.records.constraints import Limit, NameOf, OneOf
from netspec.source.records.fields import Field, fields_of


def schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON schema (draft-07) of a type annotation."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        choice = next((extra for extra in args[1:] if isinstance(extra, (OneOf, NameOf))), None)
        if choice is not None:
            return _choice_schema(choice) if isinstance(choice, OneOf) else {"enum": list(choice.names)}
        schema = schema_of(args[0])
        for extra in args[1:]:
            if isinstance(extra, Limit):
                schema = {**schema, **{k: v for k, v in dataclasses.asdict(extra).items() if v is not None}}
        return schema
    if annotation in _SIMPLE:
        return dict(_SIMPLE[annotation])
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        choices = [schema_of(a) for a in args]
        return {"anyOf": [c for s in choices for c in s.get("anyOf", [s])]}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0])}
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": schema_of(args[0])}
        items = [schema_of(a) for a in args]
        same = items[0] if all(i == items[0] for i in items) else items
        return {"type": "array", "items": same, "minItems": len(items), "maxItems": len(items)}
    if origin in (dict, Mapping) or annotation is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1]) if args else {}}
    if dataclasses.is_dataclass(annotation):
        return record_schema(annotation)
    raise TypeError(f"no schema for {annotation!r}")


_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
}


def field_schema(field: Field) -> dict[str, Any]:
    """The schema of one key, with its default where that is a plain value."""
    schema = schema_of(field.annotation)
    plain = not field.required and isinstance(field.default, (bool, int, float, str))
    return {**schema, "default": field.default} if plain else schema


def record_schema(cls: Any) -> dict[str, Any]:
    """The schema of a whole record: no other keys, and the required ones."""
    fields = fields_of(cls)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: field_schema(f) for name, f in fields.items()},
        "additionalProperties": False,
    }
    required = [name for name, f in fields.items() if f.required]
    return {**schema, "required": required} if required else schema


def _choice_schema(choice: OneOf) -> dict[str, Any]:
    kinds = choice.records
    branches = []
    for name, cls in kinds.items():
        record = record_schema(cls)
        record["properties"] = {"type": {"const": name}, **record["properties"]}
        branches.append({"if": {"properties": {"type": {"const": name}}}, "then": record})
    by_type = {"type": "object", "properties": {"type": {"enum": list(kinds)}}, "required": ["type"], "allOf": branches}
    return {"anyOf": [{"enum": list(kinds)}, by_type]}
