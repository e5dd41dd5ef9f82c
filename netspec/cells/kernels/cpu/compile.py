"""A Loop to machine code: compiled by LLVM when first needed, kept on disk (cache.py), and what calls it."""

from __future__ import annotations

import ctypes
import hashlib
from dataclasses import dataclass
from functools import cache as once
from typing import Any
from weakref import WeakKeyDictionary

import llvmlite
from llvmlite import binding

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.cpu import cache
from netspec.cells.kernels.cpu.arguments import arguments_of, weights_of
from netspec.cells.kernels.cpu.code import module_of
from netspec.cells.kernels.cpu.product import panel_width
from netspec.cells.kernels.cpu.team import team


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
        crew = team()
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
    kernels = _KERNELS.setdefault(loop, {})
    if ragged not in kernels:
        kernels[ragged] = _build(loop, ragged)
    return kernels[ragged]


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
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3
    )


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
    return MachineKernel(
        engine, alone, engine.get_function_address("team"), arguments_of(loop), weights_of(loop), panel_width(lanes())
    )
