"""The published JSON schema (draft-07, which editors read), generated from the declarations that run.

A layer's schema is chosen by its `type` with if/then, so that an editor completes and checks the keys of that kind.
Every value may also be an expression.  A file that brings no blocks (`blocks`, `include`, `extends`) has layers of
known kinds alone; in the others any name may be that of a block, which draft-07 cannot look up.
"""

from __future__ import annotations

import json
from typing import Any

from netspec.data.config import DataConfig
from netspec.graph.model import Budget
from netspec.recipe.config import TrainConfig
from netspec.report.schema.cell import cell
from netspec.report.schema.expressions import EXPRESSION, REFERENCE, nullable, or_expression, with_expressions
from netspec.report.schema.layers import LAYERS, definitions
from netspec.shapes.tensor import DTYPES
from netspec.source.records import Count, fields_of, record_schema, schema_of

BRINGS_BLOCKS = ("blocks", "include", "extends")


def schema_text() -> str:
    """The schema as it stands in `schemas/netspec.schema.json`."""
    return json.dumps(netspec_schema(), indent=1, ensure_ascii=False) + "\n"


def netspec_schema() -> dict[str, Any]:
    """The schema of a netspec file."""
    text = {"type": "string"}
    shape = {"type": "array", "items": {"type": ["integer", "string"]}}
    dtype = or_expression({"enum": list(DTYPES)})
    variable = {"type": ["number", "string", "boolean"]}
    properties: dict[str, Any] = {
        "netspec": {"const": 1, "description": "the language version"},
        "name": text,
        "description": text,
        "source": text,
        "include": {
            "anyOf": [text, {"type": "array", "items": text}],
            "description": "files whose vars, blocks and cells are taken in",
        },
        "extends": {"type": "string", "description": "the file that this one is laid over, by name; null removes"},
        "vars": {"type": "object", "additionalProperties": {"anyOf": [variable, {"type": "array", "items": variable}]}},
        "inputs": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "anyOf": [
                    shape,
                    EXPRESSION,
                    {
                        "type": "object",
                        "properties": {"shape": or_expression(shape), "dtype": dtype},
                        "required": ["shape"],
                        "additionalProperties": False,
                    },
                ]
            },
        },
        "blocks": {"type": "object", "additionalProperties": nullable({"$ref": "#/definitions/block"})},
        "cells": {"type": "object", "additionalProperties": nullable({"$ref": "#/definitions/cell"})},
        "layers": LAYERS,
        "outputs": {"type": "object", "additionalProperties": nullable(REFERENCE)},
        "budget": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"anyOf": [schema_of(Count), {"type": "string", "pattern": r"^[0-9.]+ ?[kKMGT]?i?B?$"}]}
                for name in fields_of(Budget)
            },
        },
        "data": with_expressions(record_schema(DataConfig)),
        "train": with_expressions(record_schema(TrainConfig)),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "netspec",
        "description": "A neural network architecture, version 1 of the language.",
        "type": "object",
        "properties": properties,
        "required": ["netspec"],
        "additionalProperties": False,
        "if": {"anyOf": [{"required": [key]} for key in BRINGS_BLOCKS]},
        "else": {"properties": {"layers": {"$ref": "#/definitions/known_layers"}}},
        "definitions": {
            "expression": {"type": "string", "pattern": r"\$", "description": "$name, $(width * 2), or text with $(…)"},
            "block": _block(),
            "cell": cell(),
            **definitions(),
        },
    }


def _block() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "params": {"type": "object"},
            "inputs": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "layers": LAYERS,
            "outputs": {"type": "object", "additionalProperties": REFERENCE},
        },
    }
