"""The functions that equations may call: one row each, the same mathematics for every way of running a cell.

`pullback(d, g, x, y)` gives the gradient of each argument from that of the value (g), the arguments (x) and the value
(y), as nodes of the graph `d`.  `torch` and `onnx` take the library's own operation; `cpu` emits vector code
(kernels/vector.py); `gpu` is a Triton expression (kernels/triton_source.py).  At a kink the gradient is torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Pullback = Callable[[Any, Any, tuple[Any, ...], Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Function:
    """One row: how many arguments, and the function in every form that netspec runs it in."""

    arity: int
    law: str
    value: Callable[..., float]
    pullback: Pullback
    torch: Callable[..., Any]
    onnx: Callable[..., str]
    cpu: Callable[..., Any]
    gpu: str
    internal: bool = False  # appears in gradients only: no equation may call it


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def _step(x: float, at_zero: float) -> float:
    return at_zero if x == 0 else float(x > 0)


def _no_gradient(d: Any, g: Any, x: tuple[Any, ...], y: Any) -> tuple[Any, ...]:
    return tuple(d.constant(0) for _ in x)


def _onnx(op: str, **attributes: Any) -> Callable[..., str]:
    return lambda build, *x: build.op(op, list(x), **attributes)


def _onnx_step(build: Any, x: str) -> str:
    zero = build.const(0.0)
    return str(build.op("Cast", [build.op("Greater", [x, zero])], to=1))


def _shared(d: Any, g: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """g where a > b, and g where it is not: a tie shares g in halves, as in torch.

    The second is the rest, not a comparison of its own: a − b and b − a may be added up in other orders, and both be
    above 0.
    """
    first = d.call("half_step", d.sub(a, b))
    return d.mul(g, first), d.mul(g, d.sub(d.constant(1), first))


FUNCTIONS: dict[str, Function] = {
    "sigmoid": Function(
        1, "1 / (1 + exp(−x))", _sigmoid,
        lambda d, g, x, y: (d.mul(g, y, d.sub(d.constant(1), y)),),
        lambda torch, x: torch.sigmoid(x), _onnx("Sigmoid"), lambda v, x: v.sigmoid(x), "sigmoid({0})",
    ),
    "tanh": Function(
        1, "(exp(x) − exp(−x)) / (exp(x) + exp(−x))", math.tanh,
        lambda d, g, x, y: (d.mul(g, d.sub(d.constant(1), d.mul(y, y))),),
        lambda torch, x: torch.tanh(x), _onnx("Tanh"), lambda v, x: v.tanh(x), "tanh({0})",
    ),
    "relu": Function(
        1, "max(x, 0)", lambda x: max(x, 0.0),
        lambda d, g, x, y: (d.mul(g, d.call("step", y)),),
        lambda torch, x: torch.relu(x), _onnx("Relu"), lambda v, x: v.max(x, v.number(0.0)), "maximum({0}, 0.0)",
    ),
    "hard_sigmoid": Function(
        1, "min(max(x/6 + 1/2, 0), 1)", lambda x: _clip(x / 6 + 0.5, 0, 1),
        lambda d, g, x, y: (d.mul(g, d.constant(1 / 6), d.call("step", d.mul(y, d.sub(d.constant(1), y)))),),
        lambda torch, x: torch.nn.functional.hardsigmoid(x), _onnx("HardSigmoid", alpha=1 / 6, beta=0.5),
        lambda v, x: v.max(v.min(v.fma(x, v.number(1 / 6), v.number(0.5)), v.number(1.0)), v.number(0.0)),
        "minimum(maximum({0} / 6 + 0.5, 0.0), 1.0)",
    ),
    "hard_tanh": Function(
        1, "min(max(x, −1), 1)", lambda x: _clip(x, -1, 1),
        lambda d, g, x, y: (d.mul(g, d.call("step", d.sub(d.constant(1), d.call("abs", y)))),),
        lambda torch, x: torch.nn.functional.hardtanh(x),
        lambda build, x: build.op("Clip", [x, build.const(-1.0), build.const(1.0)]),
        lambda v, x: v.max(v.min(x, v.number(1.0)), v.number(-1.0)), "minimum(maximum({0}, -1.0), 1.0)",
    ),
    "softplus": Function(
        1, "log(1 + exp(x))", lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        lambda d, g, x, y: (d.mul(g, d.call("sigmoid", x[0])),),
        lambda torch, x: torch.nn.functional.softplus(x), _onnx("Softplus"),
        lambda v, x: v.softplus(x),
        "maximum({0}, 0.0) + tl.log(1.0 + tl.exp(-tl.abs({0})))",
    ),
    "exp": Function(
        1, "exp(x)", math.exp,
        lambda d, g, x, y: (d.mul(g, y),),
        lambda torch, x: torch.exp(x), _onnx("Exp"), lambda v, x: v.exp(x), "tl.exp({0})",
    ),
    "sqrt": Function(
        1, "√x", math.sqrt,
        lambda d, g, x, y: (d.div(d.mul(g, d.constant(0.5)), y),),
        lambda torch, x: torch.sqrt(x), _onnx("Sqrt"), lambda v, x: v.sqrt(x), "tl.sqrt({0})",
    ),
    "abs": Function(
        1, "|x|", abs,
        lambda d, g, x, y: (d.mul(g, d.sub(d.mul(d.constant(2), d.call("half_step", x[0])), d.constant(1))),),
        lambda torch, x: torch.abs(x), _onnx("Abs"), lambda v, x: v.abs(x), "tl.abs({0})",
    ),
    "min": Function(
        2, "the smaller of two", min,
        lambda d, g, x, y: _shared(d, g, x[1], x[0]),
        lambda torch, a, b: torch.minimum(a, b), _onnx("Min"), lambda v, a, b: v.least(a, b), "minimum({0}, {1})",
    ),
    "max": Function(
        2, "the larger of two", max,
        lambda d, g, x, y: _shared(d, g, x[0], x[1]),
        lambda torch, a, b: torch.maximum(a, b), _onnx("Max"), lambda v, a, b: v.greatest(a, b), "maximum({0}, {1})",
    ),
    "step": Function(
        1, "1 where x > 0, else 0", lambda x: _step(x, 0.0), _no_gradient,
        lambda torch, x: (x > 0).to(x.dtype), _onnx_step,
        lambda v, x: v.where_above_zero(x, v.number(1.0), v.number(0.0)), "tl.where({0} > 0, 1.0, 0.0)", internal=True,
    ),
    "half_step": Function(
        1, "1 where x > 0, ½ where x = 0, else 0", lambda x: _step(x, 0.5), _no_gradient,
        lambda torch, x: torch.heaviside(x, x.new_tensor(0.5)), _onnx_step,
        lambda v, x: v.where_above_zero(
            x, v.number(1.0), v.where_zero(x, v.number(0.5), v.number(0.0))
        ),
        "tl.where({0} > 0, 1.0, tl.where({0} < 0, 0.0, 0.5))", internal=True,
    ),
}  # fmt: skip
