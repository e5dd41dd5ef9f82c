"""Functions that level off on both sides: sigmoid, tanh, their hard forms, softsign."""

from __future__ import annotations

import math

from netspec.cells.functions.elementary import power
from netspec.cells.functions.row import (
    Domain,
    ErrorBound,
    Function,
    OnnxActivation,
    Vector,
    VectorWriter,
    onnx_operator,
)

# Numerator (odd powers) and denominator (even powers) of tanh on ±9, as in Eigen; beyond, tanh is ±1 in float32.
_TANH_LIMIT = 9.0
_TANH_TOP = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
             1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)  # fmt: skip
_TANH_BOTTOM = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)


def _sigmoid(v: VectorWriter, x: Vector) -> Vector:
    """1 / (1 + exp(−x)): small values keep their digits, which a tanh of half of x would lose."""
    x = v.max(v.min(x, v.number(87.0)), v.number(-87.0))
    e, scale = power(v, v.neg(x))
    one = v.number(1.0)
    return v.div(one, v.fma(v.add(e, one), scale, one))


def _tanh(v: VectorWriter, x: Vector) -> Vector:
    one, minus_one = v.number(1.0), v.number(-1.0)
    x = v.max(v.min(x, v.number(_TANH_LIMIT)), v.number(-_TANH_LIMIT))
    square = v.mul(x, x)
    y = v.div(v.mul(x, v.horner(square, _TANH_TOP)), v.horner(square, _TANH_BOTTOM))
    return v.max(v.min(y, one), minus_one)  # so that 1 − y² is 0 where tanh is flat


SIGMOID = Function(
    name="sigmoid",
    law="1 / (1 + exp(−x))",
    value=lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x)),
    pullback=lambda d, g, x, y: (d.mul(g, y, d.sub(d.constant(1), y)),),
    torch=lambda torch, x: torch.sigmoid(x),
    onnx=onnx_operator("Sigmoid"),
    activation=OnnxActivation("Sigmoid"),
    parity="complement",
    vector=_sigmoid,
    triton="sigmoid({0})",
    triton_helper="""
@triton.jit
def sigmoid(x):
    small = tl.exp(-tl.abs(x))  # at most 1: nothing overflows
    return tl.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))
""",
    error_bound=ErrorBound(2.5e-7),
    work=23,
    spellings=("sigma", "sigm", "logistic", "logsig", "expit", "σ", "σg", "σh", "σ_g", "σ_h", "σ_c"),
)
TANH = Function(
    name="tanh",
    law="(exp(x) − exp(−x)) / (exp(x) + exp(−x))",
    value=math.tanh,
    pullback=lambda d, g, x, y: (d.mul(g, d.sub(d.constant(1), d.mul(y, y))),),
    torch=lambda torch, x: torch.tanh(x),
    onnx=onnx_operator("Tanh"),
    activation=OnnxActivation("Tanh"),
    parity="odd",
    vector=_tanh,
    triton="tanh({0})",
    triton_helper="""
@triton.jit
def tanh(x):
    size = tl.abs(x)
    small = tl.exp(-2.0 * size)
    y = (1.0 - small) / (1.0 + small)
    if x.dtype == tl.float32:
        # 1 - exp(-2x) has few digits left near 0.
        square = x * x
        near = 1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 - square * (17.0 / 315.0)))
        y = tl.where(size < 0.2, size * near, y)
    return tl.where(x < 0, -y, y)
""",
    error_bound=ErrorBound(4e-7),
    work=20,
    spellings=("th", "tansig", "hyperbolic_tangent", "tgh"),
)
HARD_SIGMOID = Function(
    name="hard_sigmoid",
    law="min(max(x/6 + 1/2, 0), 1)",
    value=lambda x: min(max(x / 6 + 0.5, 0), 1),
    pullback=lambda d, g, x, y: (d.mul(g, d.constant(1 / 6), d.call("step", d.mul(y, d.sub(d.constant(1), y)))),),
    torch=lambda torch, x: torch.nn.functional.hardsigmoid(x),
    onnx=onnx_operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    activation=OnnxActivation("HardSigmoid", 1 / 6, 0.5),
    parity="complement",
    vector=lambda v, x: v.max(v.min(v.fma(x, v.number(1 / 6), v.number(0.5)), v.number(1.0)), v.number(0.0)),
    triton="minimum(maximum({0} / 6 + 0.5, 0.0), 1.0)",
    error_bound=ErrorBound(2e-7, floor=1.0),  # x/6 + 1/2 cancels
    domain=Domain(kinks=(-3.0, 3.0)),
    work=5,
    spellings=("hardsigmoid", "hsigmoid"),
)
HARD_TANH = Function(
    name="hard_tanh",
    law="min(max(x, −1), 1)",
    value=lambda x: min(max(x, -1), 1),
    pullback=lambda d, g, x, y: (d.mul(g, d.call("step", d.sub(d.constant(1), d.call("abs", y)))),),
    torch=lambda torch, x: torch.nn.functional.hardtanh(x),
    onnx=lambda build, x: build.op("Clip", [x, build.const(-1.0), build.const(1.0)]),
    parity="odd",
    vector=lambda v, x: v.max(v.min(x, v.number(1.0)), v.number(-1.0)),
    triton="minimum(maximum({0}, -1.0), 1.0)",
    domain=Domain(kinks=(-1.0, 1.0)),
    work=4,
    spellings=("hardtanh", "htanh"),
)
SOFTSIGN = Function(
    name="softsign",
    law="x / (1 + |x|)",
    value=lambda x: x / (1 + abs(x)),
    pullback=lambda d, g, x, y: (d.mul(g, *[d.sub(d.constant(1), d.call("abs", y))] * 2),),
    torch=lambda torch, x: torch.nn.functional.softsign(x),
    onnx=onnx_operator("Softsign"),
    activation=OnnxActivation("Softsign"),
    parity="odd",
    vector=lambda v, x: v.div(x, v.add(v.abs(x), v.number(1.0))),
    triton="{0} / (1.0 + tl.abs({0}))",
    error_bound=ErrorBound(2e-7),
    work=3,
    spellings=("soft_sign",),
)
