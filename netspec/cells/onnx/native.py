"""A cell that is ONNX's LSTM, GRU or RNN as that operator.

ONNX orders gates i o f c (LSTM) and z r h (GRU); peepholes are i o f.  `linear_before_reset` is always written: left
out it is 0, which torch's GRU never is.  Coupled gates need no `input_forget`: they are packed as σ(−a), which means
the same in every runtime (onnxruntime reads it as f = 1 − i).  `layout` stays 0, the only one that onnxruntime takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.cells.onnx.build import Build, Starts
from netspec.cells.recognise.gates import IDENTITY, Native
from netspec.cells.recognise.pack import ONNX_ORDER, biases, matrices, peepholes

# T time, B batch, D directions, G gates, H hidden

_NAMES = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "hard_sigmoid": "HardSigmoid", "softplus": "Softplus",
          IDENTITY: "Affine"}  # fmt: skip
_ALPHA = {"hard_sigmoid": 1 / 6, IDENTITY: 1.0}
_BETA = {"hard_sigmoid": 0.5, IDENTITY: 0.0}
_DEFAULT = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}


def emit_native(build: Build, found: Native, x_TBI: str, directions: Sequence[Mapping[str, Any]], starts: Starts,
                lengths: str, reverse: bool = False) -> tuple[str, dict[str, str]]:  # fmt: skip
    """Y (T, D, B, H) and the final states, each (D, B, H).

    `directions` have the arrays of one direction each: two are forward and backward, one is backward with `reverse`.
    `starts` are the states before the first step, (D, B, H) each, "" for zero; `lengths` (B,) int64 or "".
    """
    order = ONNX_ORDER[found.kind]
    packed = [matrices(found, order, weights, np) for weights in directions]
    inputs = [x_TBI, _stacked(build, [w for w, _ in packed]), _stacked(build, [u for _, u in packed])]
    inputs.append(_stacked(build, [np.concatenate(biases(found, order, w, np)) for w in directions])
                  if found.biased else "")  # fmt: skip
    inputs.append(build.op("Cast", [lengths], to=_INT32) if lengths else "")
    inputs += [starts[name] for name in found.states]
    if found.peepholes:
        inputs.append(_stacked(build, [peepholes(found, w, np) for w in directions]))
    while not inputs[-1]:
        inputs.pop()
    attributes: dict[str, Any] = {"hidden_size": found.hidden, **_activations(found, len(directions))}
    if found.kind == "GRU":
        attributes["linear_before_reset"] = int(found.reset_after)
    direction = "bidirectional" if len(directions) == 2 else "reverse" if reverse else None
    y, *last = build.ops(found.kind, inputs, 1 + len(found.states), direction=direction, **attributes)
    final = dict(zip(found.states, last, strict=True))
    if lengths and any(starts.values()):  # onnxruntime: a sequence without a step ends in zeros, not where it began
        empty = build.op("Unsqueeze", [build.op("Equal", [lengths, build.const(0, "int64")]),
                                       build.const([1], "int64")])  # fmt: skip
        final = {name: build.op("Where", [empty, starts[name] or build.const(0.0), value])
                 for name, value in final.items()}  # fmt: skip
    return y, final


_INT32 = 6  # TensorProto.INT32


def _stacked(build: Build, arrays: Sequence[Any]) -> str:
    return build.const(np.stack(arrays))


def _activations(found: Native, directions: int) -> dict[str, Any]:
    if found.functions == _DEFAULT[found.kind]:
        return {}
    functions = found.functions * directions
    alpha = [_ALPHA[f] for f in functions if f in _ALPHA]
    beta = [_BETA[f] for f in functions if f in _BETA]
    return {"activations": [_NAMES[f] for f in functions], "activation_alpha": alpha or None,
            "activation_beta": beta or None}  # fmt: skip
