"""The generated machine code against the same loops in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from llvmlite import binding
from random_cells import cells
from recurrences import backward, cell_of, drawn, inputs_of

from netspec.cells.ir.compiled import compiled_of
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.kernels.cpu import compile as cpu
from netspec.cells.kernels.cpu.code import module_of
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run.fused import fused


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kernels"))


def check(step: CellStep, steps: int, batch: int, ragged: bool, scale: float = 0.5) -> None:
    """float32 in machine code against float64 in torch operations: the errors of one rounding, not of the method."""
    found = []
    lengths = torch.arange(batch) % steps + 1 if ragged else None
    for dtype in (torch.float64, torch.float32):
        weights = drawn(step.weights, dtype=dtype, scale=scale)
        x, states = inputs_of(step, steps, batch, dtype=dtype)
        y, final = fused(step, x, weights, states, lengths)
        backward(y, *final)
        leaves = {"x": x, **weights, **dict(zip(step.states, states, strict=True))}
        grads = {f"gradient of {n}": v.grad if v.grad is not None else torch.zeros_like(v) for n, v in leaves.items()}
        with torch.no_grad():
            again, last = fused(step, x, weights, states, lengths)
        ends = {f"{name}[t]": value for name, value in zip(step.states, final, strict=True)}
        others = {f"{name}[t] without gradients": value for name, value in zip(step.states, last, strict=True)}
        found.append({"y": y, **ends, **grads, "y without gradients": again, **others})
    for name, exact in found[0].items():
        # By its own size: a gradient of 0 in place of a small one is far away.
        error = (found[1][name].double() - exact).abs().max() / exact.abs().max().clamp(min=1e-2)
        assert error.item() < 2e-5, name


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(
    ("hidden", "features", "steps", "batch"),
    [
        pytest.param(3, 5, 4, 1, marks=pytest.mark.slow),
        (37, 20, 7, 5),
        pytest.param(64, 64, 5, 33, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", library_names())
def test_library_cells(name: str, hidden: int, features: int, steps: int, batch: int, ragged: bool) -> None:
    step = step_of(library_cell(name), {"hidden": hidden, "input": features})
    check(step, steps, batch, ragged, scale=1 / hidden**0.5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells())
def test_random_cells(text: str) -> None:
    step = step_of(cell_of(text), {"hidden": 19, "input": 2})
    if compiled_of(step) is not None:
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
    assert compiled_of(step_of(cell_of(text.replace("hidden", "input")), {"input": 3})) is None


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
        compiled = compiled_of(step_of(library_cell(name), {"hidden": 7, "input": 3}))
        assert compiled is not None
        for loop in (compiled.training.forward.loop, compiled.training.loop):
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
    compiled = compiled_of(step_of(library_cell("np"), {"hidden": 5, "input": 3}))
    assert compiled is not None
    loop = compiled.inference.loop
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
