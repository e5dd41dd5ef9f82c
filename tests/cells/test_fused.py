"""The compiled path against the plain one: hoisting, the derived reverse pass and the deferred products, in float64."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_cells import cells
from recurrences import backward, cell_of, drawn, inputs_of

from netspec import load, to_torch
from netspec.cells.ir.compiled import compiled, compiled_of
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run import plain_only
from netspec.cells.run.direction import run
from netspec.cells.run.fused import fused
from netspec.cells.run.plain import plain
from netspec.source.errors import NetspecError

STEPS, BATCH = 6, 5
LENGTHS = torch.tensor([6, 1, 4, 2, 5])
each_cell = pytest.mark.parametrize("name", library_names())


def check(step: CellStep, ragged: bool, tolerance: float = 1e-10) -> None:
    """Outputs, final states and all gradients; without gradients too; padding may hold anything."""
    results = []
    for compile_it in (False, True):
        weights = drawn(step.weights)
        x, states = inputs_of(step, STEPS, BATCH)
        lengths = LENGTHS if ragged else None
        if ragged and compile_it:
            with torch.no_grad():
                for row, length in enumerate(LENGTHS):
                    x[length:, row] = float("nan")
        y, final = (
            fused(step, x, weights, states, lengths) if compile_it else plain(step, x, weights, states, lengths, False)
        )
        backward(y, *final)
        grads = [v.grad if v.grad is not None else torch.zeros_like(v) for v in (x, *weights.values(), *states)]
        results.append([y, *final, *grads])
        if compile_it:
            with torch.no_grad():
                again, last = fused(step, x, weights, states, lengths)
            results.append([again, *last])
    for mine, its in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(mine, its, rtol=tolerance, atol=tolerance)
    for mine, its in zip(results[2], results[0], strict=False):
        torch.testing.assert_close(mine, its, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("features", [3, 4])
@each_cell
def test_library_cells(name: str, features: int, ragged: bool) -> None:
    check(step_of(library_cell(name), {"hidden": 4, "input": features}), ragged)


@each_cell
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    step = step_of(library_cell(name), {"hidden": 2, "input": 3})
    weights = drawn(step.weights)
    x, states = inputs_of(step, 3, 2)

    def function(x: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, final = fused(step, x, dict(zip(weights, rest, strict=False)), rest[len(weights) :], None)
        return (y, *final)

    assert torch.autograd.gradcheck(function, (x, *weights.values(), *states))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells())
def test_random_cells(text: str) -> None:
    step = step_of(cell_of(text), {"hidden": 3, "input": 2})
    if compiled_of(step) is None:
        return
    # torch's own gradient of hardsigmoid has 1/6 in float32 (error 2e-8).
    check(step, ragged=False, tolerance=1e-7)
    check(step, ragged=True, tolerance=1e-7)


@pytest.mark.parametrize("function", ["min", "max"])
def test_a_tie_hands_on_its_gradient_once(function: str) -> None:
    """The outer arguments are one number wherever the inner function took h[t], a sum."""
    text = f"""
state: {{h: hidden, c: hidden}}
output: c
equations:
  - h[t] = 0.9 * tanh(h[t-1]) + 0.05 * h[t-1]
  - c[t] = {function}({function}(h[t-1], h[t]), h[t]) + 0.05 * c[t-1]
"""
    check(step_of(cell_of(text), {"hidden": 3, "input": 2}), ragged=False)


@pytest.mark.parametrize("equation", ["W @ h[t-1]", "-(W @ h[t-1])", "W @ tanh(U @ x[t] + h[t-1])", "U @ x[t]"])
def test_a_state_that_is_one_product(equation: str) -> None:
    unused = "" if "W" in equation else "0.5 * (W @ h[t-1]) + "  # or there is no loop
    text = f"""
state: {{h: hidden, c: hidden}}
output: y
weights: {{W: [hidden, hidden], U: [hidden, input]}}
equations:
  - h[t] = {equation}
  - c[t] = {unused}0.5 * c[t-1] + U @ x[t]
  - y = W @ c[t]
"""
    step = step_of(cell_of(text), {"hidden": 3, "input": 2})
    assert compiled_of(step) is not None
    check(step, ragged=False)
    check(step, ragged=True)


ELMAN = """
state: {h: hidden, last: input}
output: y
weights: {U: [hidden, input], P: [hidden, input], W: [hidden, hidden], V: [3, hidden], a: []}
equations:
  - last[t] = x[t]
  - h[t] = tanh(U @ tanh(x[t]) + P @ last[t-1] + a * (W @ h[t-1]))
  - y = sigmoid(V @ (h[t] * h[t]))
"""


def test_products_of_each_kind() -> None:
    """Of a function of the input, of a delayed input, of a state, and after the loop; a weight that is one number."""
    step = step_of(cell_of(ELMAN), {"hidden": 4, "input": 3})
    compiled = compiled_of(step)
    assert compiled is not None
    program = compiled.program
    assert program.delayed == ("last",)
    assert program.states == ("h",)
    assert [g.width for g in program.sequence_groups] == [4, 4]
    assert [g.depth for g in program.loop_groups] == [4]
    assert program.output not in program.exports
    check(step, ragged=False)
    check(step, ragged=True)


def test_a_key_compiles_the_same_in_another_process() -> None:
    step = step_of(library_cell("sru"), {"hidden": 4, "input": 3}, {"highway_bias": -1.0})
    loop = compiled_of(step)
    assert loop is not None
    text = (
        "import sys\nfrom netspec.cells.ir.compiled import compiled\nloop = compiled(sys.argv[1])\n"
        "print(loop.key == sys.argv[1], loop.weights, loop.program.output)"
    )
    done = subprocess.run([sys.executable, "-c", text, loop.key], check=True, capture_output=True, text=True)
    assert done.stdout == f"True {loop.weights} {loop.program.output}\n"


def test_a_loop_is_shared_by_equal_steps_and_goes_with_the_last_of_them() -> None:
    def step() -> CellStep:
        return step_of(library_cell("sru"), {"hidden": 4, "input": 3}, {"highway_bias": -1.5})

    first, second = step(), step()
    loop = compiled_of(first)
    assert loop is not None and compiled_of(second) is loop and compiled(loop.key) is loop
    key, gone = loop.key, weakref.ref(loop)
    del loop, first, second
    gc.collect()
    assert gone() is None
    assert compiled(key) is compiled(key)  # made from its text once, where no step holds it


def test_recompute_gives_the_same_gradients() -> None:
    step = step_of(library_cell("lstm_peephole"), {"hidden": 4, "input": 3})
    found = []
    for recompute in (False, True):
        weights = drawn(step.weights, dtype=torch.float32)
        x, states = inputs_of(step, STEPS, BATCH, dtype=torch.float32)
        y, final = run(step, x, weights, states, LENGTHS, True, recompute)
        backward(y, *final)
        found.append([y, *final, x.grad, *(w.grad for w in weights.values())])
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


def test_no_second_derivative_but_a_clear_word() -> None:
    step = step_of(library_cell("gru"), {"hidden": 4, "input": 3})
    weights = drawn(step.weights, dtype=torch.float32)
    x, states = inputs_of(step, STEPS, BATCH, dtype=torch.float32)
    y, _ = run(step, x, weights, states, None, False, False)
    [g] = torch.autograd.grad(y.sum(), x, create_graph=True)
    with pytest.raises(NetspecError, match="no second derivative"):
        g.sum().backward()
    with plain_only():
        y, _ = run(step, x, weights, states, None, False, False)
    [g] = torch.autograd.grad(y.sum(), x, create_graph=True)
    g.sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


@pytest.mark.parametrize("name", ["lstm_peephole", "sru", "qrnn"])
def test_torchs_own_checks_of_an_operation(name: str) -> None:
    """Schema, fake kernel, autograd registration and tracing, as torch tests them."""
    step = step_of(library_cell(name), {"hidden": 4, "input": 3})
    loop = compiled_of(step)
    assert loop is not None
    weights = drawn({n: step.weights[n] for n in loop.weights}, dtype=torch.float32)
    x, _ = inputs_of(step, STEPS, BATCH, dtype=torch.float32)
    states = [torch.randn(BATCH, 4, requires_grad=True) for _ in loop.program.states]
    operands = [x] if len(loop.program.operands) == 1 else [x, x.detach().roll(1, 0).requires_grad_()]
    args = (operands, list(weights.values()), states, None, loop.key, True)
    found = torch.library.opcheck(
        torch.ops.netspec.recurrence.default,
        args,
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"),
    )
    assert set(found.values()) == {"SUCCESS"}


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_export_and_compile_see_one_operation(lengths: torch.Tensor | None) -> None:
    extra = ", lengths: {shape: [], dtype: int64}" if lengths is not None else ""
    ports = "{input: x, lengths: lengths}" if lengths is not None else "x"
    graph = load(f"netspec: 1\ninputs: {{x: [T, 3]{extra}}}\nlayers:\n  rnn: {{type: gru, hidden: 4, from: {ports}}}\n")
    module = to_torch(graph)
    args = (torch.randn(BATCH, STEPS, 3), *([] if lengths is None else [lengths]))
    expected = module(*args)
    program = torch.export.export(module, args)
    calls = [n for n in program.graph.nodes if n.target is torch.ops.netspec.recurrence.default]
    assert len(calls) == 1
    torch.testing.assert_close(program.module()(*args), expected)
    torch._dynamo.reset()
    fast = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(fast(*args), expected)
    fast(*args).sum().backward()
