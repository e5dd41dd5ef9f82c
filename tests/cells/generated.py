"""One function of the table as the code that kernels are made of: vectors by LLVM, Triton by its interpreter."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from llvmlite import binding, ir
from torch import Tensor

from netspec.cells.functions import FUNCTIONS
from netspec.cells.kernels.cpu import compile as cpu
from netspec.cells.kernels.cpu.product import POINTER, element, load, loop
from netspec.cells.kernels.cpu.vector import F32, I64, VectorCode


def vector_code(name: str, lanes: int, args: Sequence[Tensor]) -> Tensor:
    """The function over whole vectors of float32."""
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * (len(args) + 1))
    function = ir.Function(module, kind, "go")
    builder = ir.IRBuilder(function.append_basic_block())
    with loop(builder, I64(len(args[0]) // lanes)) as i:
        at = builder.mul(i, I64(lanes))
        vectors = [load(builder, element(builder, p, at), ir.VectorType(F32, lanes)) for p in function.args[1:]]
        value = FUNCTIONS[name].vector(VectorCode(builder, lanes), *vectors)
        builder.store(value, element(builder, function.args[0], at), align=4)
    builder.ret_void()
    parsed = binding.parse_assembly(str(module))
    engine = binding.create_mcjit_compiler(parsed, cpu.machine())
    engine.finalize_object()
    out = torch.empty_like(args[0])
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(args) + 1))(engine.get_function_address("go"))
    call(out.data_ptr(), *(a.data_ptr() for a in args))
    return out


def instructions(name: str, lanes: int = 8) -> int:
    """How many instructions the vector code of a function has."""
    module = ir.Module()
    vector = ir.VectorType(F32, lanes)
    function = ir.Function(module, ir.FunctionType(vector, [vector] * FUNCTIONS[name].arity), "go")
    block = function.append_basic_block()
    FUNCTIONS[name].vector(VectorCode(ir.IRBuilder(block), lanes), *function.args)
    return len(block.instructions)


def triton_caller(name: str) -> str:
    """A kernel r = f(p, q, s) in Triton's language."""
    return f"""

@triton.jit
def of_{name}(p, q, s, r, N: tl.constexpr):
    at = tl.arange(0, N)
    x, y, z = tl.load(p + at), tl.load(q + at), tl.load(s + at)
    tl.store(r + at, {FUNCTIONS[name].triton.format("x", "y", "z")})
"""
