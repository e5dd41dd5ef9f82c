"""Functions that choose: min, max, clip, and the steps that gradients are made of."""

from __future__ import annotations

from typing import Any

from netspec.cells.functions.row import Domain, Function, OnnxActivation, Vector, VectorWriter, onnx_operator

_FLOAT = 1  # onnx.TensorProto.FLOAT


def _no_gradient(d: Any, g: Any, x: tuple[Any, ...], y: Any) -> tuple[Any, ...]:
    return tuple(d.constant(0) for _ in x)


def _shared(d: Any, g: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """g where a > b, and g where it is not: a tie shares g in halves, as in torch.

    The second is the rest, not a comparison of its own: a − b and b − a may be added up in other orders, and both be
    above 0.
    """
    first = d.call("half_step", d.sub(a, b))
    return d.mul(g, first), d.mul(g, d.sub(d.constant(1), first))


def _clip_pullback(d: Any, g: Any, x: tuple[Any, ...], y: Any) -> tuple[Any, Any, Any]:
    """As torch.clamp: x has it where low ≤ x ≤ high; a bound has it where it is the value and is not passed over."""
    x, low, high = x

    def above(a: Any, b: Any) -> Any:
        return d.call("step", d.sub(a, b))

    def no(a: Any) -> Any:
        return d.sub(d.constant(1), a)

    under, over, crossed = above(low, x), above(x, high), above(low, high)
    return (
        d.mul(g, no(under), no(over)),
        d.mul(g, under, above(high, low)),
        d.mul(g, no(d.mul(no(over), no(crossed)))),
    )


def least(v: VectorWriter, a: Vector, b: Vector) -> Vector:
    """The smaller; NaN where either is."""
    return v.select(b, "==", b, v.min(a, b), b)


def greatest(v: VectorWriter, a: Vector, b: Vector) -> Vector:
    """The larger; NaN where either is."""
    return v.select(b, "==", b, v.max(a, b), b)


def _onnx_step(build: Any, x: str) -> str:
    return str(build.op("Cast", [build.op("Greater", [x, build.const(0.0)])], to=_FLOAT))


def _onnx_half_step(build: Any, x: str) -> str:
    zero = build.const(0.0)
    steps = [build.op("Cast", [build.op(kind, [x, zero])], to=_FLOAT) for kind in ("Greater", "GreaterOrEqual")]
    return str(build.op("Mul", [build.op("Add", steps), build.const(0.5)]))


MIN = Function(
    name="min",
    law="x where x < y, else y",
    arguments=("x", "y"),
    value=min,
    pullback=lambda d, g, x, y: _shared(d, g, x[1], x[0]),
    torch=lambda torch, a, b: torch.minimum(a, b),
    onnx=onnx_operator("Min"),
    vector=least,
    triton="minimum({0}, {1})",
    work=4,
    spellings=("minimum", "fmin"),
)
MAX = Function(
    name="max",
    law="x where x > y, else y",
    arguments=("x", "y"),
    value=max,
    pullback=lambda d, g, x, y: _shared(d, g, x[0], x[1]),
    torch=lambda torch, a, b: torch.maximum(a, b),
    onnx=onnx_operator("Max"),
    vector=greatest,
    triton="maximum({0}, {1})",
    work=4,
    spellings=("maximum", "fmax"),
)
CLIP = Function(
    name="clip",
    law="min(max(x, low), high)",
    arguments=("x", "low", "high"),
    value=lambda x, low, high: min(max(x, low), high),
    pullback=_clip_pullback,
    torch=lambda torch, x, low, high: torch.clamp(x, low, high),
    onnx=lambda build, x, low, high: build.op("Min", [build.op("Max", [x, low]), high]),
    vector=lambda v, x, low, high: least(v, greatest(v, x, low), high),
    triton="minimum(maximum({0}, {1}), {2})",
    work=8,
    spellings=("clamp", "clip_by_value", "limit"),
)
STEP = Function(
    name="step",
    law="1 where x > 0, else 0",
    value=lambda x: float(x > 0),
    pullback=_no_gradient,
    torch=lambda torch, x: (x > 0).to(x.dtype),
    onnx=_onnx_step,
    vector=lambda v, x: v.select(x, ">", v.number(0.0), v.number(1.0), v.number(0.0)),
    triton="tl.where({0} > 0, 1.0, 0.0)",
    domain=Domain(kinks=(0.0,)),
    work=2,
    internal=True,
)
HALF_STEP = Function(
    name="half_step",
    law="1 where x > 0, ½ where x = 0, else 0",
    value=lambda x: 0.5 if x == 0 else float(x > 0),
    pullback=_no_gradient,
    torch=lambda torch, x: ((x > 0).to(x.dtype) + (x >= 0).to(x.dtype)) * 0.5,
    onnx=_onnx_half_step,
    vector=lambda v, x: v.select(
        x, ">", v.number(0.0), v.number(1.0), v.select(x, "==", v.number(0.0), v.number(0.5), v.number(0.0))
    ),
    triton="tl.where({0} > 0, 1.0, tl.where({0} == 0, 0.5, 0.0))",
    domain=Domain(kinks=(0.0,)),
    work=4,
    internal=True,
)
IDENTITY = Function(
    name="identity",
    law="x",
    value=lambda x: x,
    pullback=lambda d, g, x, y: (g,),
    torch=lambda torch, x: x,
    onnx=onnx_operator("Identity"),
    activation=OnnxActivation("Affine", 1.0, 0.0),
    parity="odd",
    vector=lambda v, x: x,
    triton="{0}",
    work=0,
    internal=True,
)
