"""What machine code of a loop is called with: an array of 64-bit words, in one order for a loop."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.cpu.vector import I64

FIXED = ("thread_number", "thread_count", "rows", "steps", "lengths")
# What stands in the arguments for a buffer of each kind.  Strides count floats.
WORDS = {
    "sequence": ("data", "step", "row"),
    "state": ("data", "step", "row", "initial", "initial_row"),
    "carry": ("data", "row"),
    "vector": ("data",),
    "scratch": ("data", "row"),
    "sum": ("data", "worker"),
}


def arguments_of(code: Loop) -> list[tuple[str, str]]:
    """(buffer or weight, word) in the order of the arguments."""
    arguments = [("", word) for word in FIXED]
    arguments += [(b.name, word) for b in code.buffers.values() for word in WORDS[b.kind]]
    return arguments + [(name, "packed") for name in weights_of(code)]


def weights_of(code: Loop) -> list[str]:
    """The packed matrices of the loop's products."""
    return list(dict.fromkeys(g.weight for s in code.stages for g in s.gemms))


def word(builder: ir.IRBuilder, args: Any, index: int) -> Any:
    """The word at an index, in code that has the array."""
    return builder.load(builder.gep(args, [I64(index)], source_etype=I64), typ=I64)
