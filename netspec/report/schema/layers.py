"""The schema of a layer: its keys are those of the kind that its `type` names."""

from __future__ import annotations

import inspect
from typing import Any

from netspec.frontend.containers import CONTAINERS, LAYERED, body_key
from netspec.layers import kinds
from netspec.layers.init import INITS
from netspec.report.schema.expressions import EXPRESSION, REFERENCE, nullable, or_expression
from netspec.source.records import fields_of, record_schema, schema_of
from netspec.source.records.schema import field_schema

LAYERS = {"$ref": "#/definitions/layers"}
WIRING: dict[str, tuple[str, dict[str, Any]]] = {
    "from": (
        "what the layer reads; left out: the layer above",
        {
            "anyOf": [
                REFERENCE,
                {"type": "array", "items": REFERENCE, "minItems": 1},
                {"type": "object", "additionalProperties": REFERENCE},
            ]
        },
    ),
    "repeat": ("chained copies name.0, name.1, …; the index is `i`", {"type": "integer", "minimum": 0}),
    "share": ("another layer's weights", REFERENCE),
    "init": ("initial values of the weights", {"$ref": "#/definitions/init"}),
    "freeze": ("true: the weights are not trained", {"type": "boolean"}),
    "when": ("false leaves the layer out", {"type": "boolean"}),
}


def definitions() -> dict[str, Any]:
    """Everything that layers refer to."""
    names = [*kinds(), *CONTAINERS]
    return {
        "layer": _layer(names),
        "layers": {"type": "object", "additionalProperties": {"$ref": "#/definitions/layer"}},
        **_known(names),
        "init": _init(),
        **{f"wiring_{key}": {"description": text, **or_expression(schema)} for key, (text, schema) in WIRING.items()},
        **{name: _kind(name, cls) for name, cls in kinds().items()},
        **{name: _container(name, cls) for name, cls in CONTAINERS.items()},
    }


def _layer(names: list[str]) -> dict[str, Any]:
    """A layer of a known kind, or of a block of the file's own, whose keys this schema cannot know."""
    by_type = [
        {"if": {"properties": {"type": {"const": n}}, "required": ["type"]}, "then": {"$ref": f"#/definitions/{n}"}}
        for n in names
    ]
    return {
        "anyOf": [
            {"type": "string", "anyOf": [{"enum": names}, {}]},
            {
                "type": "object",
                "properties": {"type": {"anyOf": [{"enum": names}, {"type": "string"}]}},
                "allOf": by_type,
            },
            {"type": "null"},
        ]
    }


def _known(names: list[str]) -> dict[str, Any]:
    """Layers whose types, down through containers, are known kinds or expressions."""
    layers = {"$ref": "#/definitions/known_layers"}
    kind = {"$ref": "#/definitions/known_kind"}
    inner = {
        "type": kind,
        "layers": layers,
        "branches": {"additionalProperties": layers},
        **{option: {"properties": {"layers": layers}} for option in LAYERED},
    }
    return {
        "known_kind": or_expression({"enum": names}),
        "known_layer": {"if": {"type": "string"}, "then": kind, "else": {"properties": inner}},
        "known_layers": {"additionalProperties": {"$ref": "#/definitions/known_layer"}},
    }


def _init() -> dict[str, Any]:
    each = {"anyOf": [schema_of(float), _init_rules()]}
    return {"anyOf": [*each["anyOf"], {"type": "object", "additionalProperties": each}]}


def _init_rules() -> dict[str, Any]:
    branches = []
    for name, cls in INITS.records.items():
        record = record_schema(cls)
        record["properties"] = {"type": {"const": name}, **record["properties"]}
        branches.append(record)
    return {"anyOf": [{"enum": list(INITS.records)}, *branches]}


def _kind(name: str, cls: type) -> dict[str, Any]:
    return _object(name, cls, {k: or_expression(field_schema(f)) for k, f in fields_of(cls).items()})


def _container(name: str, cls: type) -> dict[str, Any]:
    inner = {"type": "object", "properties": {"layers": LAYERS}, "required": ["layers"], "additionalProperties": False}
    properties = {}
    for key, f in fields_of(cls).items():
        options = [field_schema(f), EXPRESSION, *([inner] if key in LAYERED else [])]
        properties[key] = {"anyOf": options}
    body = LAYERS if name != "branches" else {"type": "object", "additionalProperties": nullable(LAYERS)}
    return _object(name, cls, {**properties, body_key(name): body})


def _object(name: str, cls: type, properties: dict[str, Any]) -> dict[str, Any]:
    wiring = {key: {"$ref": f"#/definitions/wiring_{key}"} for key in WIRING}
    return {
        "description": first_sentence(cls),
        "type": "object",
        "properties": {"type": {"const": name}, **properties, **wiring},
        # What `extends` adds to needs only what it changes, so nothing is required here: `validate` asks for it.
        "additionalProperties": False,
    }


def first_sentence(cls: type) -> str:
    """What the kind computes: the docstring up to its first empty line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
