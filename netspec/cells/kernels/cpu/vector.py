"""Vectors of 32-bit floats in LLVM's language: arithmetic, and the functions of the table as polynomials and rationals.

The C library's functions do not run on vectors; these do, with errors of a few units in the last place against the
exact values (tests/cells/test_cpu.py holds every one to a bound).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)

# Numerator (odd powers) and denominator (even powers) of tanh on ±9, as in Eigen; beyond, tanh is ±1 in float32.
_TANH_LIMIT = 9.0
_TANH_TOP = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
             1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)  # fmt: skip
_TANH_BOTTOM = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)

# exp on ±ln(2)/2 and log on √½ … √2, as in Cephes
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4

Value = Any  # llvmlite's values carry no type that a checker could use


class VectorCode:
    """Emits operations on vectors of `lanes` floats at the end of the builder's block."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(F32, lanes)
        self.whole = ir.VectorType(I32, lanes)

    def number(self, value: float) -> Value:
        return ir.Constant(self.type, [ir.Constant(F32, _float32(value))] * self.lanes)

    def _integer(self, value: int) -> Value:
        return ir.Constant(self.whole, [ir.Constant(I32, value)] * self.lanes)

    def _intrinsic(self, name: str, *args: Value) -> Value:
        module = self.builder.module
        full = f"llvm.{name}.v{self.lanes}f32"
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(self.type, [self.type] * len(args)), full)
        return self.builder.call(function, args)

    def add(self, a: Value, b: Value) -> Value:
        return self.builder.fadd(a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self.builder.fsub(a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self.builder.fmul(a, b)

    def div(self, a: Value, b: Value) -> Value:
        return self.builder.fdiv(a, b)

    def neg(self, a: Value) -> Value:
        return self.builder.fneg(a)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        return self._intrinsic("fma", a, b, c)

    def sqrt(self, a: Value) -> Value:
        return self._intrinsic("sqrt", a)

    def abs(self, a: Value) -> Value:
        return self._intrinsic("fabs", a)

    # What is not a number in the first argument stays so: for bounds that are numbers.

    def min(self, a: Value, b: Value) -> Value:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), b, a)

    def max(self, a: Value, b: Value) -> Value:
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), b, a)

    def least(self, a: Value, b: Value) -> Value:
        """The smaller; not a number where either is not."""
        return self.builder.select(self.builder.fcmp_unordered("uno", b, b), b, self.min(a, b))

    def greatest(self, a: Value, b: Value) -> Value:
        """The larger; not a number where either is not."""
        return self.builder.select(self.builder.fcmp_unordered("uno", b, b), b, self.max(a, b))

    def where_above_zero(self, x: Value, yes: Value, no: Value) -> Value:
        return self.builder.select(self.builder.fcmp_ordered(">", x, self.number(0.0)), yes, no)

    def where_zero(self, x: Value, yes: Value, no: Value) -> Value:
        return self.builder.select(self.builder.fcmp_ordered("==", x, self.number(0.0)), yes, no)

    def _horner(self, x: Value, coefficients: tuple[float, ...]) -> Value:
        total = self.number(coefficients[0])
        for c in coefficients[1:]:
            total = self.fma(total, x, self.number(c))
        return total

    def tanh(self, x: Value) -> Value:
        one, minus_one = self.number(1.0), self.number(-1.0)
        x = self.max(self.min(x, self.number(_TANH_LIMIT)), self.number(-_TANH_LIMIT))
        square = self.mul(x, x)
        y = self.div(self.mul(x, self._horner(square, _TANH_TOP)), self._horner(square, _TANH_BOTTOM))
        return self.max(self.min(y, one), minus_one)  # so that 1 − y² is 0 where tanh is flat

    def sigmoid(self, x: Value) -> Value:
        """1 / (1 + exp(−x)): small values keep their digits, which a tanh of half of x would lose."""
        x = self.max(self.min(x, self.number(87.0)), self.number(-87.0))
        power, scale = self._power(self.neg(x))
        one = self.number(1.0)
        return self.div(one, self.fma(power, self.builder.bitcast(scale, self.type), one))

    def _power(self, x: Value) -> tuple[Value, Value]:
        """exp(x) for |x| ≤ 88 as (exp(r), the bits of 2ⁿ), x = n·ln 2 + r.

        Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
        """
        b = self.builder
        magic = self.number(12582912.0)
        rounded = self.fma(x, self.number(1.44269504088896341), magic)
        n = self.sub(rounded, magic)
        r = self.fma(n, self.number(-_LN2_HIGH), x)
        r = self.fma(n, self.number(-_LN2_LOW), r)
        y = self.add(self.fma(self._horner(r, _EXP), self.mul(r, r), r), self.number(1.0))
        return y, b.add(b.shl(b.bitcast(rounded, self.whole), self._integer(23)), self._integer(127 << 23))

    def exp(self, x: Value) -> Value:
        """exp(x/2)², so that no exponent leaves its range before the value does."""
        b = self.builder
        high, low = self.number(88.7228), self.number(-87.3365)
        half = self.mul(self.max(self.min(x, high), low), self.number(0.5))
        # x/2 is rounded below 2⁻²⁴·x: exp(x/2)² is as good as exp(x).
        power, scale = self._power(half)
        y = self.mul(power, b.bitcast(scale, self.type))
        y = b.select(b.fcmp_ordered(">", x, high), self.number(float("inf")), self.mul(y, y))
        return b.select(b.fcmp_ordered("<", x, low), self.number(0.0), y)

    def softplus(self, x: Value) -> Value:
        """max(x, 0) + log(1 + e), e = exp(−|x|); the second term makes up for what 1 + e rounds away."""
        e = self.exp(self.neg(self.abs(x)))
        u = self.add(self.number(1.0), e)
        lost = self.sub(e, self.sub(u, self.number(1.0)))
        return self.add(self.max(x, self.number(0.0)), self.add(self.log(u), self.div(lost, u)))

    def log(self, x: Value) -> Value:
        """n·ln 2 + log(m) with x = 2ⁿ·m and √½ ≤ m < √2; for x that is positive and normal."""
        b = self.builder
        bits = b.bitcast(x, self.whole)
        n = b.sitofp(b.sub(b.lshr(bits, self._integer(23)), self._integer(126)), self.type)
        m = b.bitcast(b.or_(b.and_(bits, self._integer(0x007FFFFF)), self._integer(0x3F000000)), self.type)
        small = b.fcmp_ordered("<", m, self.number(0.707106781186547524))
        n = b.select(small, self.sub(n, self.number(1.0)), n)
        m = self.sub(b.select(small, self.add(m, m), m), self.number(1.0))
        square = self.mul(m, m)
        y = self.mul(self.mul(self._horner(m, _LOG), m), square)
        y = self.fma(n, self.number(_LN2_LOW), y)
        y = self.fma(square, self.number(-0.5), y)
        return self.fma(n, self.number(_LN2_HIGH), self.add(m, y))


def _float32(value: float) -> float:
    """The nearest 32-bit float: LLVM takes no constant that is not one."""
    from struct import pack, unpack

    try:
        return float(unpack("f", pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
