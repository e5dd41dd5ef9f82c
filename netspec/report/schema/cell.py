"""The schema of a recurrent cell; what stands inside its equations is `validate`'s to check."""

from __future__ import annotations

from typing import Any

from netspec.report.schema.expressions import nullable


def cell() -> dict[str, Any]:
    """One entry of `cells`."""
    text, size = {"type": "string"}, {"type": ["integer", "string"]}
    shape = {"type": "array", "items": size, "maxItems": 2}
    init = {"$ref": "#/definitions/init"}
    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "description": ("", text),
        "source": ("the paper", text),
        "params": (
            "name: default; empty where every layer has to give it",
            {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
        ),
        "state": ("name: size", {"type": "object", "additionalProperties": nullable(size)}),
        "output": ("a state, or a value of an equation", text),
        "weights": (
            "name: [], [size] or [rows, columns]; names of one shape together: `W, U: [hidden, hidden]`",
            {"type": "object", "additionalProperties": nullable(shape)},
        ),
        "init": (
            "initial values of the weights; a parameter's name stands for its value",
            {"type": "object", "additionalProperties": nullable({"anyOf": [init, text]})},
        ),
        "equations": (
            "`h[t] = tanh(W @ [h[t-1], x[t]] + b)`, in the order of the computation",
            {"type": "array", "items": text, "minItems": 1},
        ),
    }
    properties = {key: {**({"description": note} if note else {}), **schema} for key, (note, schema) in parts.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}
