"""exp, log, √, |x|, sin, cos, erf."""

from __future__ import annotations

import math
from typing import Any

from netspec.cells.functions.row import Domain, ErrorBound, Function, Vector, VectorWriter, onnx_operator

# exp on ±ln(2)/2, log on √½ … √2, sin and cos on ±π/4, as in Cephes (S. Moshier, netlib.org/cephes)
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
# π/2 in parts of 24 bits
_HALF_PI = (1.57079637050628662109375, -4.37113900018624283e-8, 1.71512451006e-15)
# erf(x) = x·p(x²)/q(x²) on ±3.9, fitted for the least relative error (1.7e-8); beyond, erf is ±1 in float32
_ERF_LIMIT = 3.9
_ERF_TOP = (2.066487315e-06, 2.850622570e-04, 3.738317731e-03, 5.266799385e-02, 1.896660657e-01, 1.128379148e00)
_ERF_BOTTOM = (3.827017181e-05, 1.157370687e-03, 1.491421836e-02, 1.138186552e-01, 5.014199560e-01, 1.0)


def power(v: VectorWriter, x: Vector) -> tuple[Vector, Vector]:
    """(e, s) with exp(x) = (e + 1)·s and s a power of two, for |x| ≤ 87."""
    w, n = v.whole(x, math.log2(math.e))
    r = v.fma(n, v.number(-_LN2_HIGH), x)
    r = v.fma(n, v.number(-_LN2_LOW), r)
    return v.fma(v.horner(r, _EXP), v.mul(r, r), r), v.power_of_two(w)


def exp(v: VectorWriter, x: Vector) -> Vector:
    """exp(x/2)², so that no exponent leaves its range before the value does."""
    high, low = v.number(88.7228), v.number(-87.3365)
    half = v.mul(v.max(v.min(x, high), low), v.number(0.5))
    # x/2 is rounded below 2⁻²⁴·x: exp(x/2)² is as good as exp(x).
    e, scale = power(v, half)
    y = v.mul(v.add(e, v.number(1.0)), scale)
    y = v.select(x, ">", high, v.number(math.inf), v.mul(y, y))
    return v.select(x, "<", low, v.number(0.0), y)


def exp_minus_one(v: VectorWriter, x: Vector) -> Vector:
    """exp(x) − 1 for x ≤ 0; small values keep their digits."""
    e, scale = power(v, v.max(x, v.number(-87.0)))
    return v.fma(e, scale, v.sub(scale, v.number(1.0)))


def log_of_normal(v: VectorWriter, x: Vector) -> Vector:
    """n·ln 2 + log(m) with x = 2ⁿ·m and √½ ≤ m < √2; for x that is positive and normal."""
    n, m = v.mantissa(x)
    one, half_root = v.number(1.0), v.number(math.sqrt(0.5))
    n = v.select(m, "<", half_root, v.sub(n, one), n)
    m = v.sub(v.select(m, "<", half_root, v.add(m, m), m), one)
    square = v.mul(m, m)
    y = v.mul(v.mul(v.horner(m, _LOG), m), square)
    y = v.fma(n, v.number(_LN2_LOW), y)
    y = v.fma(square, v.number(-0.5), y)
    return v.fma(n, v.number(_LN2_HIGH), v.add(m, y))


def _log(v: VectorWriter, x: Vector) -> Vector:
    """Numbers below 2⁻¹²⁶ are scaled by 2²³ first."""
    zero, infinite, least = v.number(0.0), v.number(math.inf), v.number(2.0**-126)
    y = log_of_normal(v, v.select(x, "<", least, v.mul(x, v.number(2.0**23)), x))
    y = v.select(x, "<", least, v.sub(y, v.number(23 * math.log(2))), y)
    y = v.select(x, "<", infinite, y, x)  # infinity and NaN
    y = v.select(x, "==", zero, v.neg(infinite), y)
    return v.select(x, "<", zero, v.number(math.nan), y)


SIN_LIMIT = 2.0**22


def _sine(v: VectorWriter, x: Vector, quarter: bool) -> Vector:
    """sin(x), or with `quarter` sin(x + π/2): x = n·π/2 + r, and by the last two bits of n ±sin(r) or ±cos(r)."""
    limit = v.number(SIN_LIMIT)
    bounded = v.max(v.min(x, limit), v.neg(limit))
    w, n = v.whole(bounded, 2 / math.pi)
    r = bounded
    for part in _HALF_PI:
        r = v.fma(n, v.number(-part), r)
    square = v.mul(r, r)
    sine = v.fma(v.mul(v.horner(square, _SIN), square), r, r)
    cosine = v.fma(v.mul(v.horner(square, _COS), square), square, v.fma(square, v.number(-0.5), v.number(1.0)))
    if quarter:
        w = v.add(w, v.number(1.0))
    y = v.select_bit(w, 0, cosine, sine)
    y = v.select_bit(w, 1, v.neg(y), y)
    return v.select(v.abs(x), "==", v.number(math.inf), v.number(math.nan), y)


def erf(v: VectorWriter, x: Vector) -> Vector:
    one, limit = v.number(1.0), v.number(_ERF_LIMIT)
    bounded = v.max(v.min(x, limit), v.neg(limit))
    square = v.mul(bounded, bounded)
    y = v.div(v.mul(bounded, v.horner(square, _ERF_TOP)), v.horner(square, _ERF_BOTTOM))
    y = v.max(v.min(y, one), v.neg(one))
    # Exactly ±1 where float32 is, so that 1 + erf(x) is 0 there.
    y = v.select(x, ">", limit, one, y)
    return v.select(x, "<", v.neg(limit), v.neg(one), y)


def _sign(d: Any, x: Any) -> Any:
    """−1, 0 at 0, or 1."""
    return d.sub(d.mul(d.constant(2), d.call("half_step", x)), d.constant(1))


EXP = Function(
    name="exp",
    law="exp(x)",
    value=math.exp,
    pullback=lambda d, g, x, y: (d.mul(g, y),),
    torch=lambda torch, x: torch.exp(x),
    onnx=onnx_operator("Exp"),
    vector=exp,
    triton="tl.exp({0})",
    error_bound=ErrorBound(2.5e-7),
    work=27,
    spellings=("expo",),
)
LOG = Function(
    name="log",
    law="log(x)",
    value=math.log,
    pullback=lambda d, g, x, y: (d.div(g, x[0]),),
    torch=lambda torch, x: torch.log(x),
    onnx=onnx_operator("Log"),
    vector=_log,
    triton="tl.log({0})",
    error_bound=ErrorBound(2.5e-7),
    domain=Domain(0.0, 30.0, kinks=(0.0,), least=0.0),
    work=42,
    spellings=("ln", "loge"),
)
SQRT = Function(
    name="sqrt",
    law="√x",
    value=math.sqrt,
    pullback=lambda d, g, x, y: (d.div(d.mul(g, d.constant(0.5)), y),),
    torch=lambda torch, x: torch.sqrt(x),
    onnx=onnx_operator("Sqrt"),
    vector=lambda v, x: v.sqrt(x),
    triton="tl.sqrt({0})",
    error_bound=ErrorBound(1e-7),
    domain=Domain(0.0, 30.0, kinks=(0.0,), least=0.0),
    work=1,
    spellings=("root", "square_root"),
)
ABS = Function(
    name="abs",
    law="|x|",
    value=abs,
    pullback=lambda d, g, x, y: (d.mul(g, _sign(d, x[0])),),
    torch=lambda torch, x: torch.abs(x),
    onnx=onnx_operator("Abs"),
    parity="even",
    vector=lambda v, x: v.abs(x),
    triton="tl.abs({0})",
    domain=Domain(kinks=(0.0,)),
    work=1,
    spellings=("absolute", "fabs", "modulus"),
)
SIN = Function(
    name="sin",
    law="sin(x)",
    value=math.sin,
    pullback=lambda d, g, x, y: (d.mul(g, d.call("cos", x[0])),),
    torch=lambda torch, x: torch.sin(x),
    onnx=onnx_operator("Sin"),
    parity="odd",
    vector=lambda v, x: _sine(v, x, False),
    triton="tl.sin({0})",
    error_bound=ErrorBound(2.5e-7),
    domain=Domain(limit=SIN_LIMIT),
    work=32,
    spellings=("sine",),
)
COS = Function(
    name="cos",
    law="cos(x)",
    value=math.cos,
    pullback=lambda d, g, x, y: (d.neg(d.mul(g, d.call("sin", x[0]))),),
    torch=lambda torch, x: torch.cos(x),
    onnx=onnx_operator("Cos"),
    parity="even",
    vector=lambda v, x: _sine(v, x, True),
    triton="tl.cos({0})",
    error_bound=ErrorBound(2.5e-7),
    domain=Domain(limit=SIN_LIMIT),
    work=33,
    spellings=("cosine",),
)
ERF = Function(
    name="erf",
    law="2/√π · ∫₀ˣ exp(−t²) dt",
    value=math.erf,
    pullback=lambda d, g, x, y: (d.mul(g, d.constant(2 / math.sqrt(math.pi)), d.call("exp", d.neg(d.mul(*x, *x)))),),
    torch=lambda torch, x: torch.erf(x),
    onnx=onnx_operator("Erf"),
    parity="odd",
    vector=erf,
    triton="tl.erf({0})",
    error_bound=ErrorBound(3.5e-7),
    domain=Domain(-6.0, 6.0),
    work=29,
    spellings=("error_function",),
)
