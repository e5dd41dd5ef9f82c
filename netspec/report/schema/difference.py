"""The JSON schema of `netspec diff --format json`, generated from the records that it is written from."""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import Any, get_args, get_origin, get_type_hints

from netspec.report.difference_record import FORMAT_VERSION, DiffDocument
from netspec.source.records import schema_of


def difference_schema() -> dict[str, Any]:
    """The schema (draft-07); every record is a definition, described by its docstring."""
    definitions: dict[str, Any] = {}
    document = _record(DiffDocument, definitions)
    document["properties"]["format_version"] = {"const": FORMAT_VERSION}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "netspec diff",
        **document,
        "definitions": dict(sorted(definitions.items())),
    }


def _record(record: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A record: all of its keys are there, and no others."""
    hints = get_type_hints(record)
    return {
        "description": " ".join((inspect.getdoc(record) or "").split()),
        "type": "object",
        "properties": {name: _value(annotation, definitions) for name, annotation in hints.items()},
        "required": list(hints),
        "additionalProperties": False,
    }


def _value(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is types.UnionType:
        return {"anyOf": [_value(arg, definitions) for arg in args]}
    if origin is list:
        return {"type": "array", "items": _value(args[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(args[1], definitions)}
    if not dataclasses.is_dataclass(annotation):
        return schema_of(annotation)
    assert isinstance(annotation, type)  # a record's class, not a record
    if annotation.__name__ not in definitions:
        definitions[annotation.__name__] = {}  # it may hold itself
        definitions[annotation.__name__] = _record(annotation, definitions)
    return {"$ref": f"#/definitions/{annotation.__name__}"}
