"""Which way a cell is run, on which device, and why.

torch's own layer   a cell that is nn.LSTM, nn.GRU or nn.RNN, where the library behind it has a kernel for it
compiled            everything else: hoisted products, one generated loop, derived gradients (fused.py)
plain               torch operations step by step (plain.py): where there is no kernel for a device or element type
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from netspec.cells.ir.compiled import compiled_of
from netspec.cells.ir.linear_recurrence import linear_recurrence
from netspec.cells.ir.program import Program, plain_reason
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.match import match, why_onnx, why_torch

Path = Literal["native", "compiled", "plain"]


def path_of(step: CellStep, device: str, dtype: str) -> Path:
    """The way for tensors of a device ("cpu", "cuda", …) and an element type ("float32", …)."""
    native = match(step).torch
    if native is not None and (device == "cuda" or (device == "cpu" and native.operator.torch_kernel_on_cpu)):
        return "native"
    kernel = dtype == "float32" if device == "cpu" else device == "cuda" and find_spec("triton") is not None
    if kernel and dtype != "float64" and compiled_of(step) is not None:
        return "compiled"
    return "native" if native is not None else "plain"


def paths(step: CellStep) -> list[tuple[str, str, str]]:
    """(where, path, reason) on CPU, GPU and in ONNX, for a reader.  Sizes are numbers."""
    rows = []
    native = match(step).torch
    for where, device in (("CPU", "cpu"), ("GPU", "cuda")):
        path = path_of(step, device, "float32")
        if path == "native" and native is not None:
            library = "oneDNN" if device == "cpu" else "cuDNN"
            rows.append((where, f"torch's {native.operator.torch_layer} ({library})", f"the cell {why_torch(step)}"))
        elif path == "compiled":
            loop = compiled_of(step)
            assert loop is not None  # else the path were another
            reason = (
                why_torch(step) if native is None else f"torch has no kernel of {native.operator.torch_layer} there"
            )
            rows.append((where, _loop(loop.program, device), reason))
        else:
            reason = plain_reason(step) or "no generator of GPU code (triton) is installed"
            if compiled_of(step) is None and not plain_reason(step):
                reason = "a number of its gradient is beyond 32 bits"
            rows.append((where, "torch operations, step by step", reason))
    onnx = match(step).onnx
    rows.append(("ONNX", f"operator {onnx.kind}" if onnx else "Scan", why_onnx(step)))
    return rows


def _loop(program: Program, device: str) -> str:
    """What the generated loop does at each step."""
    count = len(program.loop_groups)
    stages = 1 + max(program.stage.values(), default=0)
    if not count:
        if device == "cuda" and linear_recurrence(program) is not None:
            return "compiled: one kernel for the sequence, or a parallel scan over time"
        return "compiled: one kernel for the sequence, no product in the loop"
    waves = stages - 1  # products of one wave wait for values of the wave before
    after = ""
    if waves > 1:
        turns = f" in {waves} turns" if waves < count else ""
        after = turns + (", the second after the first" if waves == 2 else ", one after the other")
    return f"compiled: {count} packed product{'s' * (count > 1)} a step{after}, the rest fused"
