"""Values that may also be expressions, which any value of a netspec file may."""

from __future__ import annotations

from typing import Any

EXPRESSION = {"$ref": "#/definitions/expression"}
REFERENCE = {"type": "string", "description": "the name of a layer or input, or a path to it"}


def or_expression(schema: dict[str, Any]) -> dict[str, Any]:
    """The same value or an expression."""
    return {"anyOf": [*schema.get("anyOf", [schema]), EXPRESSION]}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same value or null, by which `extends` removes it."""
    return {"anyOf": [schema, {"type": "null"}]}


def with_expressions(schema: dict[str, Any]) -> dict[str, Any]:
    """The same record, every value of which may be an expression, and none of which `extends` needs to repeat."""
    properties = {k: v if k == "type" else or_expression(_inner(v)) for k, v in schema.get("properties", {}).items()}
    return {k: v for k, v in schema.items() if k != "required"} | {"properties": properties}


def _inner(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_inner(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    done = {k: _inner(v) if k in ("anyOf", "allOf", "then", "items") else v for k, v in schema.items()}
    return with_expressions(done) if "properties" in done and "if" not in done else done
