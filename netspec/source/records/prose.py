"""What a type asks for, in words: `a whole number of at least 1, or 2 of them`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.source.records.schema import schema_of


def expected(annotation: Any) -> str:
    """What a field of this type asks for."""
    return _describe(schema_of(annotation))


def _describe(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        parts = [_describe(s) for s in schema["anyOf"]]
        for i, option in enumerate(schema["anyOf"]):  # "a list of 2: <the same words>" is "2 of them"
            items = option.get("items") if i and option.get("type") == "array" else None
            if isinstance(items, dict) and _describe(items) == parts[0]:
                count = option.get("minItems")
                parts[i] = f"a list of {count} of them" if count else "a list of them"
        return ", or ".join(dict.fromkeys(parts)) if len(parts) < 3 else ", ".join(parts[:-1]) + f", or {parts[-1]}"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        items, count = schema.get("items", {}), schema.get("minItems")
        if isinstance(items, list):
            return "a list of " + ", ".join(_describe(i) for i in items)
        return f"a list of {count} items, each {_describe(items)}" if count else f"a list, each item {_describe(items)}"
    words = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
        "null": "nothing",
        "object": "a mapping",
    }.get(str(kind), "a value")
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}"
    bounds = [
        text
        for text in (
            f"of at least {low:g}" if low is not None else "",
            f"of at most {high:g}" if high is not None else "",
            f"above {above:g}" if above is not None else "",
            f"below {below:g}" if below is not None else "",
        )
        if text
    ]
    return " ".join([words, " and ".join(bounds)]) if bounds else words
