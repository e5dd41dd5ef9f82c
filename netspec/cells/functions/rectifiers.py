"""Functions that let positive values through: relu and its smooth and leaky forms."""

from __future__ import annotations

import math
from typing import Any

from netspec.cells.functions.elementary import erf, exp, exp_minus_one, log_of_normal
from netspec.cells.functions.row import (
    Domain,
    ErrorBound,
    Function,
    OnnxActivation,
    Vector,
    VectorWriter,
    onnx_operator,
)


def _softplus(v: VectorWriter, x: Vector) -> Vector:
    """max(x, 0) + log(1 + e), e = exp(−|x|); the second term makes up for what 1 + e rounds away."""
    e = exp(v, v.neg(v.abs(x)))
    u = v.add(v.number(1.0), e)
    lost = v.sub(e, v.sub(u, v.number(1.0)))
    return v.add(v.max(x, v.number(0.0)), v.add(log_of_normal(v, u), v.div(lost, u)))


def _silu(v: VectorWriter, x: Vector) -> Vector:
    """As torch: a quotient, NaN at −∞."""
    return v.div(x, v.add(v.number(1.0), exp(v, v.neg(x))))


def _gelu(v: VectorWriter, x: Vector) -> Vector:
    share = v.add(v.number(1.0), erf(v, v.mul(x, v.number(math.sqrt(0.5)))))
    return v.mul(v.mul(x, v.number(0.5)), share)


def _normal_share(d: Any, x: Any) -> Any:
    """Φ(x) = (1 + erf(x/√2)) / 2."""
    half = d.constant(0.5)
    return d.add(half, d.mul(half, d.call("erf", d.mul(x, d.constant(math.sqrt(0.5))))))


def _gelu_pullback(d: Any, g: Any, x: tuple[Any, ...], y: Any) -> tuple[Any]:
    """Φ(x) + x·φ(x), φ the density of the normal distribution."""
    [x] = x
    density = d.mul(d.constant(1 / math.sqrt(2 * math.pi)), d.call("exp", d.mul(d.constant(-0.5), x, x)))
    return (d.mul(g, d.add(_normal_share(d, x), d.mul(x, density))),)


def _silu_pullback(d: Any, g: Any, x: tuple[Any, ...], y: Any) -> tuple[Any]:
    """s + y·(1 − s), s = sigmoid(x)."""
    s = d.call("sigmoid", x[0])
    return (d.mul(g, d.add(s, d.mul(y, d.sub(d.constant(1), s)))),)


RELU = Function(
    name="relu",
    law="max(x, 0)",
    value=lambda x: max(x, 0.0),
    pullback=lambda d, g, x, y: (d.mul(g, d.call("step", y)),),
    torch=lambda torch, x: torch.relu(x),
    onnx=onnx_operator("Relu"),
    activation=OnnxActivation("Relu"),
    vector=lambda v, x: v.max(x, v.number(0.0)),
    triton="maximum({0}, 0.0)",
    domain=Domain(kinks=(0.0,)),
    work=2,
    spellings=("rectifier", "ramp", "positive_part", "poslin"),
)
LEAKY_RELU = Function(
    name="leaky_relu",
    law="x where x > 0, else 0.01·x",
    value=lambda x: x if x > 0 else 0.01 * x,
    pullback=lambda d, g, x, y: (d.mul(g, d.add(d.constant(0.01), d.mul(d.constant(0.99), d.call("step", x[0])))),),
    torch=lambda torch, x: torch.nn.functional.leaky_relu(x),
    onnx=onnx_operator("LeakyRelu", alpha=0.01),
    activation=OnnxActivation("LeakyRelu", 0.01),
    vector=lambda v, x: v.max(x, v.mul(x, v.number(0.01))),
    triton="maximum({0}, 0.01 * {0})",
    error_bound=ErrorBound(1.5e-7),
    domain=Domain(kinks=(0.0,)),
    work=3,
    spellings=("leakyrelu", "lrelu"),
)
ELU = Function(
    name="elu",
    law="x where x > 0, else exp(x) − 1",
    value=lambda x: x if x > 0 else math.expm1(x),
    pullback=lambda d, g, x, y: (d.mul(g, d.add(d.constant(1), d.call("min", y, d.constant(0)))),),
    torch=lambda torch, x: torch.nn.functional.elu(x),
    onnx=onnx_operator("Elu", alpha=1.0),
    activation=OnnxActivation("Elu", 1.0),
    vector=lambda v, x: v.select(x, ">", v.number(0.0), x, exp_minus_one(v, v.min(x, v.number(0.0)))),
    triton="tl.where({0} > 0, {0}, exp_minus_one(minimum({0}, 0.0)))",
    triton_helper="""
@triton.jit
def exp_minus_one(x):
    y = tl.exp(x) - 1.0
    if x.dtype == tl.float32:
        # exp(x) - 1 has few digits left near 0.
        near = x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))))
        y = tl.where(tl.abs(x) < 0.1, near, y)
    return y
""",
    error_bound=ErrorBound(2.5e-7),
    work=23,
    spellings=("exponential_linear", "exp_linear"),
)
SOFTPLUS = Function(
    name="softplus",
    law="log(1 + exp(x))",
    value=lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    pullback=lambda d, g, x, y: (d.mul(g, d.call("sigmoid", x[0])),),
    torch=lambda torch, x: torch.nn.functional.softplus(x),
    onnx=onnx_operator("Softplus"),
    activation=OnnxActivation("Softplus", fault="onnxruntime's is infinite beyond 88"),
    vector=_softplus,
    triton="softplus({0})",
    triton_helper="""
@triton.jit
def softplus(x):
    small = tl.exp(-tl.abs(x))
    total = 1.0 + small
    lost = small - (total - 1.0)  # what 1 + small rounds away
    return maximum(x, 0.0) + tl.log(total) + lost / total
""",
    error_bound=ErrorBound(3e-7),
    work=66,
    spellings=("soft_plus", "smooth_relu", "log1pexp"),
)
SILU = Function(
    name="silu",
    law="x / (1 + exp(−x))",
    value=lambda x: x / (1 + math.exp(-x)) if x >= 0 else x * math.exp(x) / (1 + math.exp(x)),
    pullback=_silu_pullback,
    torch=lambda torch, x: torch.nn.functional.silu(x),
    onnx=lambda build, x: build.op("Mul", [x, build.op("Sigmoid", [x])]),
    vector=_silu,
    triton="{0} * sigmoid({0})",
    error_bound=ErrorBound(3.5e-7),
    work=30,
    spellings=("swish", "sil"),
)
GELU = Function(
    name="gelu",
    law="x/2 · (1 + erf(x/√2))",
    value=lambda x: 0.5 * x * (1 + math.erf(x * math.sqrt(0.5))),
    pullback=_gelu_pullback,
    torch=lambda torch, x: torch.nn.functional.gelu(x),
    onnx=onnx_operator("Gelu"),
    vector=_gelu,
    triton="0.5 * {0} * (1.0 + tl.erf({0} * 0.7071067811865476))",
    error_bound=ErrorBound(6e-7, floor=1.0),  # 1 + erf cancels far below 0, in torch's float32 too
    work=33,
    spellings=("gaussian_error_linear",),
)
