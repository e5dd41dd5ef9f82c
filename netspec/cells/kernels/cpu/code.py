"""A Loop as LLVM code: one function that runs some rows of the batch through the whole sequence.

    void rows(args, first, last, worker)      the loop
    void alone(args)                          all rows
    void team(args)                           this worker's share, called by every thread of an OpenMP team

`args` is the array of arguments.py, `rows` stands in rows.py.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.cpu.arguments import FIXED, weights_of, word
from netspec.cells.kernels.cpu.product import POINTER, product_function
from netspec.cells.kernels.cpu.rows import RowsFunction
from netspec.cells.kernels.cpu.vector import I64


def module_of(code: Loop, lanes: int, ragged: bool) -> ir.Module:
    """The whole module."""
    module = ir.Module("netspec")
    product = product_function(module, lanes) if weights_of(code) else None
    rows = RowsFunction(module, code, lanes, ragged, product).function
    _entries(module, rows)
    return module


def _entries(module: ir.Module, rows: ir.Function) -> None:
    kind = ir.FunctionType(ir.VoidType(), [POINTER])
    alone = ir.Function(module, kind, "alone")
    builder = ir.IRBuilder(alone.append_basic_block("entry"))
    count = word(builder, alone.args[0], FIXED.index("rows"))
    builder.call(rows, [alone.args[0], I64(0), count, I64(0)])
    builder.ret_void()
    team = ir.Function(module, kind, "team")
    builder = ir.IRBuilder(team.append_basic_block("entry"))
    ask = ir.FunctionType(ir.IntType(32), [])
    worker, workers = (
        builder.zext(builder.call(_callable(builder, team.args[0], i, ask), []), I64)
        for i in (FIXED.index("thread_number"), FIXED.index("thread_count"))
    )
    count = word(builder, team.args[0], FIXED.index("rows"))
    first = builder.udiv(builder.mul(count, worker), workers)
    last = builder.udiv(builder.mul(count, builder.add(worker, I64(1))), workers)
    builder.call(rows, [team.args[0], first, last, worker])
    builder.ret_void()


def _callable(builder: ir.IRBuilder, args: Any, index: int, kind: ir.FunctionType) -> Any:
    return builder.inttoptr(word(builder, args, index), ir.PointerType(kind))
