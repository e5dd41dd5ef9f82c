"""A cell that is an operator of ONNX as that operator: what is particular to one stands in recognise/operators/.

Coupled gates need no `input_forget`: they are packed as σ(−a), which means the same in every runtime (onnxruntime reads
it as f = 1 − i).  `layout` stays 0, the only one that onnxruntime takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.cells.functions import FUNCTIONS
from netspec.cells.onnx.build import Build, Starts
from netspec.cells.recognise.operator import Native
from netspec.cells.recognise.pack import biases, matrices, peepholes

# T time, B batch, D directions, G gates, H hidden


def emit_native(
    build: Build,
    native: Native,
    x_TBI: str,
    directions: Sequence[Mapping[str, Any]],
    starts: Starts,
    lengths: str,
    reverse: bool = False,
) -> tuple[str, dict[str, str]]:
    """Y (T, D, B, H) and the final states, each (D, B, H).

    `directions` have the arrays of one direction each: two are forward and backward, one is backward with `reverse`.
    `starts` are the states before the first step, (D, B, H) each, "" for zero; `lengths` (B,) int64 or "".
    """
    values = _inputs(build, native, x_TBI, directions, starts, lengths)
    inputs = [values[name] for name in native.operator.onnx_inputs]
    while not inputs[-1]:
        inputs.pop()
    attributes = {"hidden_size": native.hidden, **_activations(native, len(directions)), **native.attributes}
    direction = "bidirectional" if len(directions) == 2 else "reverse" if reverse else None
    y, *last = build.ops(native.kind, inputs, 1 + len(native.states), direction=direction, **attributes)
    final = dict(zip(native.states, last, strict=True))
    if lengths and any(starts.values()):  # onnxruntime: a sequence without a step ends in zeros, not where it began
        empty = build.op(
            "Unsqueeze", [build.op("Equal", [lengths, build.const(0, "int64")]), build.const([1], "int64")]
        )
        final = {
            name: build.op("Where", [empty, starts[name] or build.const(0.0), value]) for name, value in final.items()
        }
    return y, final


def _inputs(
    build: Build, native: Native, x_TBI: str, directions: Sequence[Mapping[str, Any]], starts: Starts, lengths: str
) -> dict[str, str]:
    """The inputs by ONNX's names; "" for one that is left out."""
    order = native.operator.onnx_order
    packed = [matrices(native, order, weights, np) for weights in directions]
    values = {"X": x_TBI, "W": _stacked(build, [w for w, _ in packed]), "R": _stacked(build, [u for _, u in packed])}
    values["B"] = values["P"] = ""
    if native.biased:
        values["B"] = _stacked(build, [np.concatenate(biases(native, order, w, np)) for w in directions])
    values["sequence_lens"] = build.op("Cast", [lengths], to=_INT32) if lengths else ""
    values |= {f"initial_{letter}": starts[name] for letter, name in zip("hc", native.states, strict=False)}
    if native.peepholes:
        values["P"] = _stacked(build, [peepholes(native, w, np) for w in directions])
    return values


_INT32 = 6  # TensorProto.INT32


def _stacked(build: Build, arrays: Sequence[Any]) -> str:
    return build.const(np.stack(arrays))


def _activations(native: Native, directions: int) -> dict[str, Any]:
    if native.functions == native.operator.functions:
        return {}
    used = [a for f in native.functions * directions if (a := FUNCTIONS[f].activation)]
    return {
        "activations": [a.name for a in used],
        "activation_alpha": [a.alpha for a in used if a.alpha is not None] or None,
        "activation_beta": [a.beta for a in used if a.beta is not None] or None,
    }
