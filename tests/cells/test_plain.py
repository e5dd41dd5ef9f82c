"""The plain path against torch's layers, NumPy loops written by hand, and finite differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recurrences import FLOAT64, LAYERS, as_torch, backward, cell_of, drawn, gradients_as_torch, inputs_of
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run.plain import plain

SIZES = {"hidden": 4, "input": 3}
STEPS, BATCH = 6, 5
LENGTHS = torch.tensor([6, 1, 4, 2, 5])
each_cell = pytest.mark.parametrize("name", library_names())


def library_step(name: str, **sizes: int) -> CellStep:
    return step_of(library_cell(name), {**SIZES, **sizes})


def step_from(text: str) -> CellStep:
    return step_of(cell_of(text), SIZES)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_torchs_layer(name: str, ragged: bool, reverse: bool) -> None:
    """Outputs, final states and every gradient."""
    step = library_step(name)
    weights = drawn(step.weights)
    x, states = inputs_of(step, STEPS, BATCH)
    lengths = LENGTHS if ragged else None
    y, final = plain(step, x, weights, states, lengths, reverse)
    backward(y, *final)

    layer = LAYERS[name](3, 4, bidirectional=reverse).double()
    own = {k: torch.zeros_like(v) for k, v in layer.state_dict().items()}
    layer.load_state_dict(own | as_torch(name, weights, into="_l0_reverse" if reverse else "_l0"))
    theirs, *begin = (v.detach().clone().requires_grad_() for v in (x, *states))
    before = [torch.stack([torch.zeros_like(b), b] if reverse else [b]) for b in begin]
    packed = pack_padded_sequence(theirs, LENGTHS, enforce_sorted=False) if ragged else theirs
    expected, last = layer(packed, tuple(before) if len(before) > 1 else before[0])
    expected = pad_packed_sequence(expected, total_length=STEPS)[0] if ragged else expected
    expected, last = expected[..., -4:], [v[-1] for v in (last if isinstance(last, tuple) else (last,))]
    backward(expected, *last)

    for mine, its in zip((y, *final), (expected, *last), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-12)
    for mine, its in zip((x, *states), (theirs, *begin), strict=True):
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-12, atol=1e-12)
    for key, grad in gradients_as_torch(name, weights, into="_l0_reverse" if reverse else "_l0").items():
        torch.testing.assert_close(grad, layer.get_parameter(key).grad, rtol=1e-12, atol=1e-12)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_peephole_lstm_is_the_formula() -> None:
    """Gers & Schmidhuber 2000, one sequence at a time: the output gate sees the new state."""
    step = library_step("lstm_peephole")
    weights = drawn(step.weights)
    x, (h0, c0) = inputs_of(step, STEPS, BATCH)
    y, (h, c) = plain(step, x, weights, (h0, c0), None, False)
    w = {name: v.detach().numpy() for name, v in weights.items()}
    for b in range(BATCH):
        hidden, context = h0[b].detach().numpy(), c0[b].detach().numpy()
        for t in range(STEPS):
            both = np.concatenate([hidden, x[t, b].detach().numpy()])
            forget = sigmoid(w["W_f"] @ both + w["p_f"] * context + w["b_f"])
            take = sigmoid(w["W_i"] @ both + w["p_i"] * context + w["b_i"])
            context = forget * context + take * np.tanh(w["W_c"] @ both + w["b_c"])
            hidden = sigmoid(w["W_o"] @ both + w["p_o"] * context + w["b_o"]) * np.tanh(context)
            np.testing.assert_allclose(y[t, b].detach().numpy(), hidden, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(h[b].detach().numpy(), hidden, rtol=1e-13)
        np.testing.assert_allclose(c[b].detach().numpy(), context, rtol=1e-13)


@pytest.mark.parametrize("hidden", [4, 3])
def test_sru_is_the_formula(hidden: int) -> None:
    """Lei et al. 2018, backwards through time: both gates see c[t-1], the skip is scaled."""
    step = step_of(library_cell("sru"), {"hidden": hidden, "input": 3}, {"highway_bias": -0.5})
    weights = drawn(step.weights)
    assert ("W_s" in weights) == (hidden != 3)
    x, (c0,) = inputs_of(step, STEPS, BATCH)
    y, (c,) = plain(step, x, weights, (c0,), None, True)
    w = {name: v.detach().numpy() for name, v in weights.items()}
    scale = np.sqrt(1 + 2 * np.exp(-0.5))
    context = c0.detach().numpy()
    for t in reversed(range(STEPS)):
        now = x[t].detach().numpy()
        forget = sigmoid(now @ w["W_f"].T + w["v_f"] * context + w["b_f"])
        reset = sigmoid(now @ w["W_r"].T + w["v_r"] * context + w["b_r"])
        context = forget * context + (1 - forget) * (now @ w["W_c"].T)
        skip = now if hidden == 3 else now @ w["W_s"].T
        np.testing.assert_allclose(y[t].detach().numpy(), reset * context + (1 - reset) * scale * skip, rtol=1e-12)
    np.testing.assert_allclose(c.detach().numpy(), context, rtol=1e-12)


def function_of(step: CellStep, lengths: Tensor | None, reverse: bool) -> tuple[object, list[Tensor]]:
    """The plain path as a function of tensors, and tensors for it."""
    weights = drawn(step.weights)
    x, states = inputs_of(step, 4, 2)
    names = list(weights)

    def function(x: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(names, more, strict=False))
        y, final = plain(step, x, given, more[len(names) :], lengths, reverse)
        return (y, *final)

    return function, [x, *weights.values(), *states]


@pytest.mark.parametrize("reverse", [False, True])
@each_cell
def test_gradients_are_those_of_finite_differences(name: str, reverse: bool) -> None:
    function, values = function_of(library_step(name, hidden=2), torch.tensor([4, 2]), reverse)
    assert torch.autograd.gradcheck(function, values)


def test_second_derivatives_are_those_of_finite_differences() -> None:
    function, values = function_of(library_step("lstm_peephole", hidden=2, input=2), torch.tensor([4, 2]), False)
    assert torch.autograd.gradgradcheck(function, values)


STEEP = """
state: {h: hidden, g: hidden}
output: y
weights: {W: [hidden, input], U: [hidden, hidden], v: [hidden]}
equations:
  - y = sqrt(W @ x[t] * (W @ x[t])) / (g[t-1] - v)
  - h[t] = sqrt(abs(h[t-1] + U @ y))
  - g[t] = exp(h[t-1] * h[t-1]) + g[t-1]
"""


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", [*library_names(), "steep"])
def test_padding_reaches_nothing(name: str, reverse: bool) -> None:
    """Whatever stands behind the end, results and gradients are those of each sequence alone, also where functions have
    no slope at 0 (`steep`).  Outputs behind the end are 0."""
    step = step_from(STEEP) if name == "steep" else library_step(name)
    weights = drawn(step.weights)
    x, states = inputs_of(step, STEPS, BATCH)
    padding = torch.arange(STEPS)[:, None] >= LENGTHS
    found = []
    for what in (0.0, float("nan"), float("inf")):
        given = torch.where(padding[..., None], what, x)
        y, final = plain(step, given, weights, states, LENGTHS, reverse)
        leaves = [x, *weights.values(), *states]
        total = (y * y).sum() + sum(((s * s).sum() for s in final), torch.zeros((), dtype=FLOAT64))
        found.append((y, *final, *torch.autograd.grad(total, leaves, materialize_grads=True)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert torch.equal(a, b) and bool(b.isfinite().all())
    y, final, grad = found[0][0], found[0][1 : 1 + len(states)], found[0][1 + len(states)]
    assert not y[padding].any() and not grad[padding].any()
    for b, length in enumerate(LENGTHS.tolist()):
        alone, last = plain(step, x[:length, b : b + 1], weights, tuple(s[b : b + 1] for s in states), None, reverse)
        torch.testing.assert_close(y[:length, b], alone[:, 0], rtol=1e-13, atol=1e-13)
        for mine, its in zip(final, last, strict=True):
            torch.testing.assert_close(mine[b], its[0], rtol=1e-13, atol=1e-13)


def test_no_step_behind_the_end_is_taken() -> None:
    """The state runs out with the sequence: one step more would take the slope of √n at 0."""
    step = step_from("""
state: {n: hidden}
output: y
weights: {W: [hidden, input]}
equations:
  - y = sqrt(n[t-1]) + W @ x[t]
  - n[t] = n[t-1] - 1
""")
    x, _ = inputs_of(step, STEPS, BATCH)
    n = LENGTHS[:, None].expand(-1, 4).to(FLOAT64).requires_grad_()
    y, (last,) = plain(step, x, drawn(step.weights), (n,), LENGTHS, False)
    [grad] = torch.autograd.grad(y.sum(), n)
    expected = torch.stack([sum(0.5 / torch.arange(1.0, k + 1, dtype=FLOAT64).sqrt()) for k in LENGTHS.tolist()])
    torch.testing.assert_close(grad, expected[:, None].expand(-1, 4), rtol=1e-13, atol=1e-13)
    assert not last.any()


def test_an_empty_sequence_leaves_the_state() -> None:
    step = library_step("lstm")
    x, states = inputs_of(step, STEPS, 2)
    for reverse in (False, True):
        y, final = plain(
            step, torch.full_like(x, torch.nan), drawn(step.weights), states, torch.tensor([0, 0]), reverse
        )
        assert not y.any() and all(map(torch.equal, final, states))


def test_every_kind_of_value() -> None:
    """Values of weights alone, of the input alone, of numbers; states that nothing reads, or that have no weight."""
    step = step_from("""
state: {a: hidden, b: input, c: 2, d: hidden}
output: y
weights: {W: [hidden, input], V: [2, hidden], u: [hidden], w: [hidden], k: []}
equations:
  - a[t] = tanh(u)
  - b[t] = min(max(x[t], -0.25), 0.5) - b[t-1]
  - c[t] = V @ (u + w) + k * c[t-1] / 3
  - d[t] = softplus(W @ x[t]) + u
  - y = relu(W @ (x[t] + b[t-1])) - k + 2 / (4 + u * u)
""")
    w = drawn(step.weights)
    x, (a, b, c, d) = inputs_of(step, STEPS, BATCH)
    y, final = plain(step, x, w, (a, b, c, d), None, False)
    for t in range(STEPS):
        was = b
        b = x[t].clamp(-0.25, 0.5) - b
        c = (w["u"] + w["w"]) @ w["V"].T + w["k"] * c / 3
        expected = torch.relu((x[t] + was) @ w["W"].T) - w["k"] + 2 / (4 + w["u"] ** 2)
        torch.testing.assert_close(y[t], expected, rtol=1e-13, atol=1e-13)
    d = torch.nn.functional.softplus(x[-1] @ w["W"].T) + w["u"]
    for mine, its in zip(final, (torch.tanh(w["u"]).expand_as(a), b, c, d), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("output", ["W @ x[t]", "tanh(v) * 2", "h[t-1]"])
def test_an_output_may_stand_apart_from_the_states(output: str) -> None:
    """Of the input alone, of weights alone, and the state before the step."""
    step = step_from(f"""
state: {{h: hidden}}
output: y
weights: {{W: [hidden, input], v: [hidden]}}
equations:
  - h[t] = tanh(W @ x[t] + v * h[t-1])
  - y = {output}
""")
    w = drawn(step.weights)
    x, (h,) = inputs_of(step, STEPS, BATCH)
    y, (last,) = plain(step, x, w, (h,), LENGTHS, False)
    for t in range(STEPS):
        real = (t < LENGTHS)[:, None]
        now = {"W @ x[t]": x[t] @ w["W"].T, "tanh(v) * 2": torch.tanh(w["v"]) * 2, "h[t-1]": h}[output]
        torch.testing.assert_close(y[t], now.expand(BATCH, 4) * real, rtol=1e-13, atol=1e-13)
        h = torch.where(real, torch.tanh(x[t] @ w["W"].T + w["v"] * h), h)
    torch.testing.assert_close(last, h, rtol=1e-13, atol=1e-13)


@each_cell
def test_a_batch_of_nothing_and_no_steps(name: str) -> None:
    step = library_step(name)
    weights = drawn(step.weights)
    for steps, batch in ((0, 3), (4, 0)):
        x, states = inputs_of(step, steps, batch)
        y, final = plain(step, x, weights, states, None, False)
        assert y.shape[:2] == (steps, batch) and all(f.shape == s.shape for f, s in zip(final, states, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions(dtype: torch.dtype) -> None:
    """The element type is kept, and the values are those of float64 as far as it carries."""
    step = library_step("lstm_peephole")
    x, states = inputs_of(step, STEPS, BATCH)
    weights = drawn(step.weights)
    expected, _ = plain(step, x, weights, states, LENGTHS, False)
    less = {k: v.to(dtype) for k, v in weights.items()}
    y, final = plain(step, x.to(dtype), less, tuple(s.to(dtype) for s in states), LENGTHS, False)
    assert {v.dtype for v in (y, *final)} == {dtype}
    assert (y.double() - expected).abs().max() < 40 * torch.finfo(dtype).eps


def test_autocast_keeps_the_state_wide() -> None:
    """Products in bfloat16, states and outputs in the weights' float32."""
    step = library_step("lstm")
    x, states = inputs_of(step, STEPS, BATCH, dtype=torch.float32)
    weights = drawn(step.weights, dtype=torch.float32)
    expected, _ = plain(step, x, weights, states, LENGTHS, True)
    with torch.autocast("cpu", torch.bfloat16):
        y, final = plain(step, x.bfloat16(), weights, states, LENGTHS, True)
    assert {v.dtype for v in (y, *final)} == {torch.float32}
    assert 0 < (y - expected).abs().max() < 0.05
