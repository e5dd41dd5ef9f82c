"""What is known of a function: one record, whose every column `tests/cells/test_functions.py` holds against others.

Nothing here imports torch, ONNX or a code generator: each form takes the library or the writer as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Protocol

Pullback = Callable[[Any, Any, tuple[Any, ...], Any], tuple[Any, ...]]
Vector = Any  # a vector of the writer's; llvmlite's values carry no type that a checker could use
# f(−a) = −f(a), f(−a) = f(a), f(−a) = 1 − f(a)
Parity = Literal["odd", "even", "complement", "none"]


class VectorWriter(Protocol):
    """Operations on vectors of 32-bit floats, as generated code has them (kernels/cpu/vector.py)."""

    def number(self, value: float) -> Vector: ...
    def add(self, a: Vector, b: Vector) -> Vector: ...
    def sub(self, a: Vector, b: Vector) -> Vector: ...
    def mul(self, a: Vector, b: Vector) -> Vector: ...
    def div(self, a: Vector, b: Vector) -> Vector: ...
    def neg(self, a: Vector) -> Vector: ...
    def abs(self, a: Vector) -> Vector: ...
    def sqrt(self, a: Vector) -> Vector: ...

    def fma(self, a: Vector, b: Vector, c: Vector) -> Vector:
        """a·b + c, rounded once."""
        ...

    def horner(self, x: Vector, coefficients: Sequence[float]) -> Vector:
        """A polynomial, its highest power first."""
        ...

    def min(self, a: Vector, b: Vector) -> Vector:
        """The smaller; NaN where a is: for a bound b that is a number."""
        ...

    def max(self, a: Vector, b: Vector) -> Vector:
        """The larger; NaN where a is."""
        ...

    def select(self, a: Vector, sign: str, b: Vector, yes: Vector, no: Vector) -> Vector:
        """`yes` where a < b (> ==), `no` elsewhere, where one of them is NaN too."""
        ...

    def whole(self, x: Vector, factor: float) -> tuple[Vector, Vector]:
        """(w, n): the whole number n that is nearest to x·factor, |n| < 2²², and a form w that has it in its bits."""
        ...

    def power_of_two(self, w: Vector) -> Vector:
        """2ⁿ, from the w of `whole`; |n| ≤ 126."""
        ...

    def select_bit(self, w: Vector, bit: int, yes: Vector, no: Vector) -> Vector:
        """`yes` where this bit of n is set, from the w of `whole`."""
        ...

    def mantissa(self, x: Vector) -> tuple[Vector, Vector]:
        """(n, m): x = 2ⁿ·m, ½ ≤ m < 1, for x that is positive and normal."""
        ...


@dataclass(frozen=True, eq=False)
class OnnxActivation:
    """The activation of ONNX's LSTM, GRU and RNN that is the function."""

    name: str
    alpha: float | None = None
    beta: float | None = None
    fault: str = ""  # what onnxruntime computes in its place: then it is not used


@dataclass(frozen=True, eq=False)
class Domain:
    """Where tests try a function."""

    low: float = -30.0  # the range that is tried densely
    high: float = 30.0
    kinks: tuple[float, ...] = ()  # where the slope jumps
    least: float = -inf  # below it there is no value (NaN)
    limit: float = inf  # generated vector code has no digits beyond ±limit


@dataclass(frozen=True, eq=False)
class ErrorBound:
    """|generated − exact| ≤ relative · max(|exact|, floor), of vector code; float32 itself rounds by 0.6e-7."""

    relative: float = 0.0
    floor: float = 1e-30


@dataclass(frozen=True, eq=False, kw_only=True)
class Function:
    """One row.

    `pullback(d, g, x, y)` gives the gradient of each argument from that of the value (g), the arguments (x) and the
    value (y), as nodes of the graph `d`; at a kink it is torch's.  `triton` is an expression of {0}, {1}, …, which may
    call what stands in some row's `triton_helper`, and `maximum` and `minimum` (kernels/gpu/triton_source.py).
    """

    name: str
    law: str  # docs/cells.md shows it, and tests compute it
    arguments: tuple[str, ...] = ("x",)
    value: Callable[..., float]  # of numbers; ValueError or OverflowError where there is none
    pullback: Pullback
    torch: Callable[..., Any]  # (torch, *tensors)
    onnx: Callable[..., str]  # (builder, *names)
    activation: OnnxActivation | None = None
    parity: Parity = "none"
    vector: Callable[..., Vector]  # (writer, *vectors)
    triton: str
    triton_helper: str = ""
    error_bound: ErrorBound = field(default_factory=ErrorBound)
    domain: Domain = field(default_factory=Domain)
    work: int  # instructions of its vector code
    spellings: tuple[str, ...] = ()  # other names that papers and libraries have for it
    internal: bool = False  # no equation may call it: it stands in gradients or operators

    @property
    def arity(self) -> int:
        return len(self.arguments)


def onnx_operator(operator: str, **attributes: Any) -> Callable[..., str]:
    """The column `onnx` of a function that is one operator."""
    return lambda build, *x: build.op(operator, list(x), **attributes)
