"""Loops as machine code for this processor: compiled by LLVM when first needed, kept on disk, run on torch's threads.

# T time, B batch
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import llvmlite
import torch
from llvmlite import binding
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.cpu import cache
from netspec.cells.kernels.cpu.code import arguments_of, module_of, weights_of
from netspec.cells.kernels.cpu.product import panel_width

WORTH_A_TEAM = 1 << 15  # floats: below, waking the other threads takes longer than the work


def run_loop(loop: Loop, tensors: Mapping[str, Tensor], initial: Mapping[str, Tensor], weights: Mapping[str, Tensor],
             steps: int, lengths: Tensor | None) -> None:  # fmt: skip
    """Fill the loop's buffers, as interpret.run_loop does; float32 on the CPU."""
    kernel = kernel_of(loop, lengths is not None)
    some = next(iter(initial.values()))
    B = some.shape[0]
    if not B or not steps:
        return
    own: list[Tensor] = []  # alive until the kernel has run
    workers = min(torch.get_num_threads(), B)
    if workers > 1 and (_team() is None or B * steps * sum(b.width for b in loop.buffers.values()) < WORTH_A_TEAM):
        workers = 1
    words: dict[tuple[str, str], int] = {("", "rows"): B, ("", "steps"): steps}
    sums = loop.of("sum")
    # Every worker adds up its own rows.
    shares = some.new_zeros(workers, sum(b.width for b in sums)) if workers > 1 and sums else None
    at = 0
    for buffer in loop.buffers.values():
        name = buffer.name
        if buffer.kind == "scratch":
            tensor = some.new_empty(B, -(-buffer.width // kernel.panel) * kernel.panel)
        elif buffer.kind == "sum" and shares is not None:
            tensor = shares[:, at:]
            at += buffer.width
        else:
            tensor = tensors[name]
            if tensor.stride(-1) != 1 and buffer.width > 1:
                tensor = tensor.contiguous()
        own.append(tensor)
        words[name, "data"] = tensor.data_ptr()
        if buffer.kind in ("sequence", "state"):
            words[name, "step"], words[name, "row"] = tensor.stride(0), tensor.stride(1)
        elif buffer.kind in ("carry", "scratch"):
            words[name, "row"] = tensor.stride(0)
        elif buffer.kind == "sum" and shares is not None:
            words[name, "worker"] = shares.stride(0)
        if buffer.kind == "state":
            words[name, "initial"], words[name, "initial_row"] = initial[name].data_ptr(), initial[name].stride(0)
    if lengths is not None:
        own.append(lengths.to(torch.int64).contiguous())
        words["", "lengths"] = own[-1].data_ptr()
    for name in kernel.weights:
        own.append(packed(loop, name, weights[name], kernel.panel))
        words[name, "packed"] = own[-1].data_ptr()
    kernel.run(words, workers)
    if shares is not None:
        for buffer, total in zip(sums, torch.split(shares.sum(0), [b.width for b in sums]), strict=True):
            tensors[buffer.name].add_(total)


def packed(loop: Loop, name: str, matrix: Tensor, panel: int) -> Tensor:
    """A (depth, width) matrix as the product kernel reads it; a source of the product at a time."""
    gemm = next(g for s in loop.stages for g in s.gemms if g.weight == name)
    panels = -(-gemm.width // panel)
    if gemm.width % panel:
        matrix = torch.nn.functional.pad(matrix, (0, panels * panel - gemm.width))
    parts = []
    begin = 0
    for _, depth in gemm.sources:
        parts.append(matrix[begin : begin + depth].reshape(depth, panels, panel).transpose(0, 1).reshape(-1))
        begin += depth
    return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()  # of depth 1 it may still be a view


@dataclass(eq=False)
class MachineKernel:
    """Machine code of one loop."""

    engine: Any
    alone: Any
    team: int
    order: list[tuple[str, str]]
    weights: list[str]
    panel: int

    def run(self, words: dict[tuple[str, str], int], workers: int) -> None:
        crew = _team()
        if crew is not None:
            words["", "thread_number"], words["", "thread_count"] = crew.number, crew.count
        args = (ctypes.c_int64 * len(self.order))(*[words.get(key, 0) for key in self.order])
        if workers > 1 and crew is not None:
            crew.parallel(self.team, ctypes.addressof(args), workers, 0)
        else:
            self.alone(args)


_KERNELS: WeakKeyDictionary[Loop, dict[bool, MachineKernel]] = WeakKeyDictionary()


def kernel_of(loop: Loop, ragged: bool) -> MachineKernel:
    """The kernel of a loop, compiled at most once."""
    found = _KERNELS.setdefault(loop, {})
    if ragged not in found:
        found[ragged] = _build(loop, ragged)
    return found[ragged]


@once
def lanes() -> int:
    """Floats in this processor's widest vector."""
    features = binding.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx2") and features.get("fma") else 4


@once
def _ready() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def machine() -> Any:
    """This processor as a compiler's target; an execution engine keeps the one that it is given."""
    _ready()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=binding.get_host_cpu_name(),
                                        features=binding.get_host_cpu_features().flatten(), opt=3)  # fmt: skip


def _build(loop: Loop, ragged: bool) -> MachineKernel:
    text = str(module_of(loop, lanes(), ragged))
    mark = f"{llvmlite.__version__} {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}\n"
    name = f"{hashlib.sha256((mark + text).encode()).hexdigest()}.o"
    code = cache.read(name)
    _ready()
    empty = binding.parse_assembly(f'target triple = "{binding.get_default_triple()}"')
    engine = binding.create_mcjit_compiler(empty, machine())
    if code is None:
        module = binding.parse_assembly(text)
        module.verify()
        options = binding.create_pipeline_tuning_options(speed_level=3)
        target = machine()
        builder = binding.create_pass_builder(target, options)
        builder.getModulePassManager().run(module, builder)
        code = target.emit_object(module)
        cache.write(name, code)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("alone"))
    return MachineKernel(engine, alone, engine.get_function_address("team"), arguments_of(loop), weights_of(loop),
                  panel_width(lanes()))  # fmt: skip


@dataclass(frozen=True)
class _Team:
    """The OpenMP threads that torch runs on: two pools would fight for the cores."""

    parallel: Any
    number: int
    count: int


@once
def _team() -> _Team | None:
    for name in ("libgomp.so.1", "libomp.so", "libomp.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        try:
            library = ctypes.CDLL(str(path))
            parallel = library.GOMP_parallel
            number, count = library.omp_get_thread_num, library.omp_get_num_threads
        except (OSError, AttributeError):
            continue
        parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
        parallel.restype = None
        return _Team(parallel, _address(number), _address(count))
    return None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
