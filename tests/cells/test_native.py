"""Recognised cells through torch's own kernels: against the plain path and against torch's layers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from recurrences import as_torch, cell_of, drawn, inputs_of
from test_recognise import GRU, LSTM
from torch import Tensor, nn

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.library import library_cell
from netspec.cells.recognise.match import match
from netspec.cells.run.native import native
from netspec.cells.run.plain import plain

SIZES = {"hidden": 4, "input": 3}
RAGGED = torch.tensor([5, 1, 7, 3])
EMPTY = torch.tensor([5, 0, 7, 3])

COUPLED = LSTM.replace("i = sigmoid(W_i @ [h[t-1], x[t]] + b_i)", "i = 1 - f").replace("W_i,", "").replace("b_i,", "")
JOINED = """
state: {h: hidden}
output: h
weights: {W: [hidden, hidden + input], "v, w": [hidden], s: []}
equations:
  - h[t] = relu(v - 0.5 * (W @ [h[t-1], x[t]]) + s + w + 0.25)
"""
SWAPPED = GRU.replace("(1 - z) * n + z * h[t-1]", "h[t-1] + z * (n - h[t-1])").replace("r * (U_n", "(1 - r) * (U_n")
UNBIASED = """
state: {h: hidden}
output: h
weights: {W: [hidden, input], U: [hidden, hidden]}
equations:
  - h[t] = tanh(W @ x[t] + U @ h[t-1])
"""
STEPS = {name: step_of(library_cell(name), SIZES) for name in ("lstm", "np", "gru_reset_after", "rnn")} | {
    name: step_of(cell_of(text), SIZES)
    for name, text in {"coupled": COUPLED, "joined": JOINED, "swapped": SWAPPED, "unbiased": UNBIASED}.items()
}


def with_gradients(run: object, step: CellStep, lengths: Tensor | None, reverse: bool, nan: bool) -> list[Tensor]:
    """Outputs, final states, and the gradients of all that comes in."""
    x, initial = inputs_of(step, 7, 4)
    weights = drawn(step.weights)
    given = x
    if lengths is not None and nan:
        given = torch.where((torch.arange(7)[:, None] < lengths)[..., None], x, torch.nan)
    y, final = run(step, given, weights, initial, lengths, reverse)  # type: ignore[operator]
    loss = (y * torch.arange(1.0, 8.0)[:, None, None]).sin().sum() + sum(
        (s * (k + 1)).cos().sum() for k, s in enumerate(final)
    )
    gradients = torch.autograd.grad(loss, [x, *weights.values(), *initial])
    return [y, *final, *gradients]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("lengths", [None, RAGGED, EMPTY], ids=["whole", "ragged", "empty"])
@pytest.mark.parametrize("name", STEPS)
def test_it_is_the_plain_path(name: str, lengths: Tensor | None, reverse: bool) -> None:
    step = STEPS[name]
    assert match(step).torch is not None
    expected = with_gradients(plain, step, lengths, reverse, nan=False)
    for ours, theirs in zip(with_gradients(native, step, lengths, reverse, nan=True), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


LAYERS: Mapping[str, type[nn.Module]] = {"lstm": nn.LSTM, "gru_reset_after": nn.GRU, "rnn": nn.RNN}


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_torchs_layer(name: str) -> None:
    """The same kernel on the same numbers: biases alone are added up in another order."""
    step = STEPS[name]
    weights = drawn(step.weights, dtype=torch.float32)
    x, initial = inputs_of(step, 9, 5, dtype=torch.float32)
    layer = LAYERS[name](3, 4)
    layer.load_state_dict({k: v.detach() for k, v in as_torch(name, weights).items()})
    start = tuple(s[None] for s in initial)
    expected, last = layer(x, start if len(start) > 1 else start[0])
    y, final = native(step, x, weights, initial)
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(final, last if isinstance(last, tuple) else (last,), strict=True):
        torch.testing.assert_close(ours, theirs[0], rtol=1e-6, atol=1e-7)


def test_weights_of_another_name_are_packed_without_copies_of_zeros() -> None:
    """W @ [h, x] in all gates is one concatenation and one cut, whose gradient is one concatenation again."""
    step = STEPS["lstm"]
    weights = drawn(step.weights)
    x, initial = inputs_of(step, 2, 2)
    y, _ = native(step, x, weights, initial)
    names, queue = set(), [y.grad_fn]
    while queue:
        node = queue.pop()
        if node is not None:
            names.add(type(node).__name__)
            queue += [following for following, _ in node.next_functions]
    assert "SplitWithSizesBackward0" in names and "SliceBackward0" not in names
