"""Vectors of 32-bit floats in LLVM's language: what the functions of the table are made of (functions/row.py).

The C library's functions do not run on vectors: the rows have polynomials and rationals in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)

Value = Any  # llvmlite's values carry no type that a checker could use


class VectorCode:
    """Emits operations on vectors of `lanes` floats at the end of the builder's block."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(F32, lanes)
        self.whole_type = ir.VectorType(I32, lanes)

    def number(self, value: float) -> Value:
        return ir.Constant(self.type, [ir.Constant(F32, _float32(value))] * self.lanes)

    def _integer(self, value: int) -> Value:
        return ir.Constant(self.whole_type, [ir.Constant(I32, value)] * self.lanes)

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

    def select(self, a: Value, sign: str, b: Value, yes: Value, no: Value) -> Value:
        return self.builder.select(self.builder.fcmp_ordered(sign, a, b), yes, no)

    def horner(self, x: Value, coefficients: Sequence[float]) -> Value:
        total = self.number(coefficients[0])
        for c in coefficients[1:]:
            total = self.fma(total, x, self.number(c))
        return total

    def whole(self, x: Value, factor: float) -> tuple[Value, Value]:
        """Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits."""
        magic = self.number(12582912.0)
        rounded = self.fma(x, self.number(factor), magic)
        return rounded, self.sub(rounded, magic)

    def power_of_two(self, w: Value) -> Value:
        b = self.builder
        bits = b.add(b.shl(b.bitcast(w, self.whole_type), self._integer(23)), self._integer(127 << 23))
        return b.bitcast(bits, self.type)

    def select_bit(self, w: Value, bit: int, yes: Value, no: Value) -> Value:
        b = self.builder
        set_bit = b.and_(b.bitcast(w, self.whole_type), self._integer(1 << bit))
        return b.select(b.icmp_unsigned("!=", set_bit, self._integer(0)), yes, no)

    def mantissa(self, x: Value) -> tuple[Value, Value]:
        b = self.builder
        bits = b.bitcast(x, self.whole_type)
        n = b.sitofp(b.sub(b.lshr(bits, self._integer(23)), self._integer(126)), self.type)
        m = b.or_(b.and_(bits, self._integer(0x007FFFFF)), self._integer(0x3F000000))
        return n, b.bitcast(m, self.type)


def _float32(value: float) -> float:
    """The nearest 32-bit float: LLVM takes no constant that is not one."""
    from struct import pack, unpack

    try:
        return float(unpack("f", pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
