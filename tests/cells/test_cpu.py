"""The generated machine code against the same loops in float64, and its functions against torch's."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from llvmlite import binding, ir
from random_cells import cells
from recurrences import backward, cell_of, drawn, inputs_of

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.compiled import compiled, key_of
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.kernels.cpu import run as cpu
from netspec.cells.kernels.cpu.code import module_of
from netspec.cells.kernels.cpu.product import POINTER, element, load
from netspec.cells.kernels.cpu.vector import F32, I64, VectorCode
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run.fused import fused

# The relative error that each function may have, in units of 1e-7; float32 itself rounds by 0.6.
ERRORS = {"sigmoid": 2.5, "tanh": 4, "exp": 2.5, "softplus": 3, "sqrt": 1, "hard_sigmoid": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kernels"))


@pytest.mark.parametrize("lanes", sorted({4, 8, cpu.lanes()}))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, lanes: int) -> None:
    """Every function over its range, its ends and beyond, against torch in float64."""
    arity = FUNCTIONS[name].arity
    inf, nan = float("inf"), float("nan")
    ends = [-0.0, 100, -100, 88.7, -87.3, 88.8, 120, -120, 1e-6, -1e-6, 1e-30, 3e38, -3e38, 7.9, -9.1, inf, -inf, nan]
    x = torch.cat([torch.linspace(-30, 30, 4096), torch.linspace(-1, 1, 4096), torch.tensor(ends).repeat(16)])
    x = x.abs() if name == "sqrt" else x
    args = [x, x.flip(0).contiguous()][:arity]
    mine = _run(name, lanes, args)
    exact = FUNCTIONS[name].torch(torch, *(a.double() for a in args))
    exact = exact.float().double()  # where float32 overflows, both are infinite
    same = (mine.double() == exact) | (mine.isnan() & exact.isnan())
    floor = 1.0 if name == "hard_sigmoid" else 1e-30  # there x/6 + 1/2 cancels
    error = torch.where(same, torch.zeros(()), (mine - exact).abs() / exact.abs().clamp(min=floor))
    assert error.max().item() <= ERRORS.get(name, 0) * 1e-7


def _run(name: str, lanes: int, args: list[torch.Tensor]) -> torch.Tensor:
    """One function over whole vectors."""
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * (len(args) + 1))
    function = ir.Function(module, kind, "go")
    builder = ir.IRBuilder(function.append_basic_block())
    from netspec.cells.kernels.cpu.product import loop

    with loop(builder, I64(len(args[0]) // lanes)) as i:
        at = builder.mul(i, I64(lanes))
        vectors = [load(builder, element(builder, p, at), ir.VectorType(F32, lanes)) for p in function.args[1:]]
        value = FUNCTIONS[name].cpu(VectorCode(builder, lanes), *vectors)
        builder.store(value, element(builder, function.args[0], at), align=4)
    builder.ret_void()
    parsed = binding.parse_assembly(str(module))
    engine = binding.create_mcjit_compiler(parsed, cpu.machine())
    engine.finalize_object()
    out = torch.empty_like(args[0])
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(args) + 1))(engine.get_function_address("go"))
    call(out.data_ptr(), *(a.data_ptr() for a in args))
    return out


def check(step: CellStep, steps: int, batch: int, ragged: bool, scale: float = 0.5) -> None:
    """float32 in machine code against float64 in torch operations: the errors of one rounding, not of the method."""
    found = []
    lengths = torch.arange(batch) % steps + 1 if ragged else None
    for dtype in (torch.float64, torch.float32):
        weights = drawn(step.weights, dtype=dtype, scale=scale)
        x, states = inputs_of(step, steps, batch, dtype=dtype)
        y, final = fused(step, x, weights, states, lengths)
        backward(y, *final)
        grads = [v.grad if v.grad is not None else torch.zeros_like(v) for v in (x, *weights.values(), *states)]
        with torch.no_grad():
            again, last = fused(step, x, weights, states, lengths)
        found.append([y, *final, *grads, again, *last])
    for mine, exact in zip(found[1], found[0], strict=True):
        error = (mine.double() - exact).abs().max() / exact.abs().max().clamp(min=1.0)
        assert error.item() < 2e-5


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("hidden", "features", "steps", "batch"), [(3, 5, 4, 1), (37, 20, 7, 5), (64, 64, 5, 33)])
@pytest.mark.parametrize("name", library_names())
def test_library_cells(name: str, hidden: int, features: int, steps: int, batch: int, ragged: bool) -> None:
    step = step_of(library_cell(name), {"hidden": hidden, "input": features})
    check(step, steps, batch, ragged, scale=1 / hidden**0.5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells())
def test_random_cells(text: str) -> None:
    step = step_of(cell_of(text), {"hidden": 19, "input": 2})
    if key_of(step) is not None:
        check(step, 3, 2, ragged=True, scale=0.1)


NARROW = """
state: {s: 1, h: hidden}
output: h
weights: {W: [hidden, 1 + input], V: [1, hidden]}
equations:
  - s[t] = tanh(V @ h[t-1])
  - h[t] = tanh(W @ [s[t-1], x[t]])
"""


@pytest.mark.parametrize("hidden", [8, 16, 32, 64])
def test_a_state_of_one_element(hidden: int) -> None:
    """Its product has depth 1, where a packed matrix may be a view in disguise."""
    check(step_of(cell_of(NARROW), {"hidden": hidden, "input": 3}), 4, 3, ragged=False)


def test_a_step_too_large_for_a_kernel_runs_plainly() -> None:
    equations = "".join(f"  - u{i} = tanh(u{i - 1}) * u{i - 1}\n" for i in range(1, 150))
    text = f"state: {{h: hidden}}\noutput: h\nequations:\n  - u0 = h[t-1] + x[t]\n{equations}  - h[t] = u149\n"
    assert key_of(step_of(cell_of(text.replace("hidden", "input")), {"input": 3})) is None


def test_what_is_not_a_number_stays_so() -> None:
    """In either argument of min and max, as in torch."""
    text = "state: {h: input}\noutput: h\nequations:\n  - h[t] = FUNCTION(h[t-1], x[t])\n"
    for function in ("min", "max"):
        step = step_of(cell_of(text.replace("FUNCTION", function)), {"input": 3})
        x = torch.tensor([[[1.0, float("nan"), -1.0]]])
        for first in (x[0].flip(1), x[0] * 0):
            y, _ = fused(step, x, {}, (first,), None)
            assert y.isnan().tolist() == (x + first).isnan().tolist()


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_code_for_every_width_is_valid(lanes: int) -> None:
    """Of processors that this one may not be: the code is well-formed there too."""
    for name in ("lstm_peephole_full", "sru"):
        key = key_of(step_of(library_cell(name), {"hidden": 7, "input": 3}))
        assert key is not None
        for loop in (compiled(key).training.forward.loop, compiled(key).training.loop):
            binding.parse_assembly(str(module_of(loop, lanes, ragged=True))).verify()


@pytest.mark.parametrize("lanes", [4, 8])
def test_narrower_vectors_give_the_same(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "lanes", lambda: lanes)
    monkeypatch.setattr(cpu, "_KERNELS", type(cpu._KERNELS)())
    for name in ("lstm_peephole_full", "gru"):
        check(step_of(library_cell(name), {"hidden": 21, "input": 5}), 5, 7, ragged=True, scale=0.2)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        check(step_of(library_cell("lstm_peephole"), {"hidden": 32, "input": 16}), 20, 13, False, scale=0.1)
    finally:
        torch.set_num_threads(before)


def test_strided_and_broadcast_tensors() -> None:
    """A transposed input, and the gradient of a sum, which has no memory of its own."""
    step = step_of(library_cell("sru"), {"hidden": 8, "input": 8})
    weights = drawn(step.weights, dtype=torch.float32)
    batch_first = torch.randn(5, 7, 8, requires_grad=True)
    results = []
    for x in (batch_first.transpose(0, 1), batch_first.transpose(0, 1).contiguous()):
        y, _ = fused(step, x, weights, (torch.zeros(5, 8),), None)
        [g] = torch.autograd.grad(y.transpose(0, 1).sum(), batch_first, retain_graph=True)
        results.append((y, g))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-6)


def test_kernels_are_kept_and_a_damaged_one_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path))
    key = key_of(step_of(library_cell("np"), {"hidden": 5, "input": 3}))
    assert key is not None
    loop = compiled(key).inference.loop
    cpu._build(loop, False)
    [kept] = tmp_path.iterdir()
    made = kept.stat().st_mtime_ns
    cpu._build(loop, False)
    assert kept.stat().st_mtime_ns == made
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-7] + b"\0" * 7)
    cpu._build(loop, False)
    assert kept.read_bytes() == whole
    monkeypatch.setenv("NETSPEC_CACHE", str(kept / "no folder"))
    cpu._build(loop, False)  # nothing can be written there
