"""The published JSON schema (draft-07, which editors read), generated from the declarations that run.

A layer's schema is chosen by its `type` with if/then, so that an editor completes and checks the keys of that kind.
Every value may also be an expression.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from netspec.data.config import DataConfig
from netspec.frontend.containers import CONTAINERS, LAYERED, body_key
from netspec.graph.model import Budget
from netspec.layers import kinds
from netspec.layers.init import INITS
from netspec.recipe.config import TrainConfig
from netspec.shapes.tensor import DTYPES
from netspec.source.records import Count, fields_of, record_schema, schema_of
from netspec.source.records.schema import field_schema

_EXPRESSION = {"$ref": "#/definitions/expression"}
_LAYERS = {"$ref": "#/definitions/layers"}
_REFERENCE = {"type": "string", "description": "the name of a layer or input, or a path to it"}

WIRING: dict[str, tuple[str, dict[str, Any]]] = {
    "from": ("what the layer reads; left out: the layer above", {"anyOf": [
        _REFERENCE, {"type": "array", "items": _REFERENCE, "minItems": 1},
        {"type": "object", "additionalProperties": _REFERENCE}]}),
    "repeat": ("chained copies name.0, name.1, …; the index is `i`", {"type": "integer", "minimum": 0}),
    "share": ("another layer's weights", _REFERENCE),
    "init": ("how weights begin", {"$ref": "#/definitions/init"}),
    "freeze": ("weights that are not trained", {"type": "boolean"}),
    "when": ("false leaves the layer out", {"type": "boolean"}),
}  # fmt: skip


def schema_text() -> str:
    """The schema as it stands in `schemas/netspec.schema.json`."""
    return json.dumps(netspec_schema(), indent=1, ensure_ascii=False) + "\n"


def netspec_schema() -> dict[str, Any]:
    """The schema of a netspec file."""
    text = {"type": "string"}
    shape = {"type": "array", "items": {"type": ["integer", "string"]}}
    dtype = _or_expression({"enum": list(DTYPES)})
    variable = {"type": ["number", "string", "boolean"]}
    properties: dict[str, Any] = {
        "netspec": {"const": 1, "description": "the language version"},
        "name": text, "description": text, "source": text,
        "include": {"anyOf": [text, {"type": "array", "items": text}],
                    "description": "files whose vars, blocks and cells are taken in"},
        "extends": {"type": "string", "description": "the file that this one is laid over, by name; null removes"},
        "vars": {"type": "object", "additionalProperties": {"anyOf": [variable, {"type": "array", "items": variable}]}},
        "inputs": {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [
            shape, _EXPRESSION, {"type": "object", "properties": {"shape": _or_expression(shape), "dtype": dtype},
                                 "required": ["shape"], "additionalProperties": False}]}},
        "blocks": {"type": "object", "additionalProperties": _nullable({"$ref": "#/definitions/block"})},
        "cells": {"type": "object", "additionalProperties": _nullable({"$ref": "#/definitions/cell"})},
        "layers": _LAYERS,
        "outputs": {"type": "object", "additionalProperties": _nullable(_REFERENCE)},
        "budget": {"type": "object", "additionalProperties": False, "properties": {
            name: {"anyOf": [schema_of(Count), {"type": "string", "pattern": r"^[0-9.]+ ?[kKMGT]?i?B?$"}]}
            for name in fields_of(Budget)}},
        "data": _with_expressions(record_schema(DataConfig)),
        "train": _with_expressions(record_schema(TrainConfig)),
    }  # fmt: skip
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "netspec",
        "description": "A neural network architecture, version 1 of the language.",
        "type": "object",
        "properties": properties,
        "required": ["netspec"],
        "additionalProperties": False,
        "definitions": _definitions(),
    }


def _definitions() -> dict[str, Any]:
    names = [*kinds(), *CONTAINERS]
    by_type = [{"if": {"properties": {"type": {"const": n}}, "required": ["type"]},
                "then": {"$ref": f"#/definitions/{n}"}} for n in names]  # fmt: skip
    # A kind that is not listed is a block of the file's own, whose keys this schema cannot know.
    layer = {"anyOf": [
        {"type": "string", "anyOf": [{"enum": names}, {}]},
        {"type": "object", "properties": {"type": {"anyOf": [{"enum": names}, {"type": "string"}]}}, "allOf": by_type},
        {"type": "null"},
    ]}  # fmt: skip
    inits = {"anyOf": [schema_of(float), _choice()]}
    return {
        "expression": {"type": "string", "pattern": r"\$", "description": "$name, $(width * 2), or text with $(…)"},
        "layer": layer,
        "layers": {"type": "object", "additionalProperties": {"$ref": "#/definitions/layer"}},
        "init": {"anyOf": [*inits["anyOf"], {"type": "object", "additionalProperties": inits}]},
        "block": {"type": "object", "additionalProperties": False, "properties": {
            "params": {"type": "object"}, "inputs": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "layers": _LAYERS, "outputs": {"type": "object", "additionalProperties": _REFERENCE}}},
        "cell": _cell(),
        **{f"wiring_{key}": {"description": text, **_or_expression(schema)} for key, (text, schema) in WIRING.items()},
        **{name: _kind(name, cls) for name, cls in kinds().items()},
        **{name: _container(name, cls) for name, cls in CONTAINERS.items()},
    }  # fmt: skip


def _cell() -> dict[str, Any]:
    """A recurrent cell; what stands inside its equations is `validate`'s to check."""
    text, size = {"type": "string"}, {"type": ["integer", "string"]}
    shape = {"type": "array", "items": size, "maxItems": 2}
    init = {"$ref": "#/definitions/init"}
    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "description": ("", text),
        "source": ("the paper", text),
        "params": ("name: default; empty where every layer has to give it",
                   {"type": "object", "additionalProperties": {"type": ["number", "null"]}}),
        "state": ("name: size", {"type": "object", "additionalProperties": _nullable(size)}),
        "output": ("a state, or a value of an equation", text),
        "weights": ("name: [], [size] or [rows, columns]; names of one shape together: `W, U: [hidden, hidden]`",
                    {"type": "object", "additionalProperties": _nullable(shape)}),
        "init": ("how weights begin; a parameter's name stands for its value",
                 {"type": "object", "additionalProperties": _nullable({"anyOf": [init, text]})}),
        "equations": ("`h[t] = tanh(W @ [h[t-1], x[t]] + b)`, in the order of the computation",
                      {"type": "array", "items": text, "minItems": 1}),
    }  # fmt: skip
    found = {key: {**({"description": note} if note else {}), **schema} for key, (note, schema) in parts.items()}
    return {"type": "object", "properties": found, "additionalProperties": False}


def _choice() -> dict[str, Any]:
    branches = []
    for name, cls in INITS.records.items():
        record = record_schema(cls)
        record["properties"] = {"type": {"const": name}, **record["properties"]}
        branches.append(record)
    return {"anyOf": [{"enum": list(INITS.records)}, *branches]}


def _kind(name: str, cls: type) -> dict[str, Any]:
    return _object(name, cls, {k: _or_expression(field_schema(f)) for k, f in fields_of(cls).items()})


def _container(name: str, cls: type) -> dict[str, Any]:
    inner = {"type": "object", "properties": {"layers": _LAYERS}, "required": ["layers"], "additionalProperties": False}
    properties = {}
    for key, f in fields_of(cls).items():
        options = [field_schema(f), _EXPRESSION, *([inner] if key in LAYERED else [])]
        properties[key] = {"anyOf": options}
    body = _LAYERS if name != "branches" else {"type": "object", "additionalProperties": _nullable(_LAYERS)}
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


def _or_expression(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [*schema.get("anyOf", [schema]), _EXPRESSION]}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _with_expressions(schema: dict[str, Any]) -> dict[str, Any]:
    """The same record, every value of which may be an expression, and none of which `extends` needs to repeat."""
    properties = {k: v if k == "type" else _or_expression(_inner(v)) for k, v in schema.get("properties", {}).items()}
    return {k: v for k, v in schema.items() if k != "required"} | {"properties": properties}


def _inner(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_inner(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    done = {k: _inner(v) if k in ("anyOf", "allOf", "then", "items") else v for k, v in schema.items()}
    return _with_expressions(done) if "properties" in done and "if" not in done else done


def first_sentence(cls: type) -> str:
    """What the kind computes: the docstring up to its first empty line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
