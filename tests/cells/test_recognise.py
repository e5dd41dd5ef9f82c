"""Which steps are nn.LSTM, nn.GRU, nn.RNN or ONNX's operators, and what is said of the others."""

from __future__ import annotations

import pytest
from recurrences import cell_of

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.recognise.match import match, why_onnx, why_torch

SIZES = {"hidden": 4, "input": 3}

LSTM = """
state: {h: hidden, c: hidden}
output: h
weights:
  W_f, W_i, W_o, W_g: [hidden, hidden + input]
  b_f, b_i, b_o, b_g: [hidden]
equations:
  - f = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
  - i = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
  - g = tanh(W_g @ [h[t-1], x[t]] + b_g)
  - c[t] = f * c[t-1] + i * g
  - o = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
  - h[t] = o * tanh(c[t])
"""
GRU = """
state: {h: hidden}
output: h
weights:
  W_z, W_r, W_n: [hidden, input]
  U_z, U_r, U_n: [hidden, hidden]
  b_z, b_r, b_n, c_n: [hidden]
equations:
  - z = sigmoid(W_z @ x[t] + U_z @ h[t-1] + b_z)
  - r = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
  - n = tanh(W_n @ x[t] + b_n + r * (U_n @ h[t-1] + c_n))
  - h[t] = (1 - z) * n + z * h[t-1]
"""
RNN = """
state: {h: hidden}
output: h
weights: {W: [hidden, input], U: [hidden, hidden], b: [hidden]}
equations:
  - h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
"""


def step(text: str, *changes: tuple[str, str]) -> CellStep:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    params = {"highway_bias": 0.0}
    cell = cell_of(text)
    return step_of(cell, SIZES, {n: v for n, v in params.items() if n in cell.params})


def library(name: str) -> CellStep:
    cell = library_cell(name)
    return step_of(cell, SIZES, {n: 1.0 for n, default in cell.params.items() if default is None})


NATIVE = {
    "cifg": ("", "LSTM"), "gru": ("", "GRU"), "gru_reset_after": ("GRU", "GRU"), "lstm": ("LSTM", "LSTM"),
    "lstm_peephole": ("", "LSTM"), "niaf": ("", "LSTM"), "noaf": ("", "LSTM"), "np": ("LSTM", "LSTM"),
    "rnn": ("RNN", "RNN"),
}  # fmt: skip


@pytest.mark.parametrize("name", library_names())
def test_the_library(name: str) -> None:
    matched = match(library(name))
    torch_kind, onnx_kind = NATIVE.get(name, ("", ""))
    assert (matched.torch.kind if matched.torch else "") == torch_kind
    assert (matched.onnx.kind if matched.onnx else "") == onnx_kind
    assert (matched.torch is None) == bool(matched.torch_reason) and (matched.onnx is None) == bool(matched.onnx_reason)


@pytest.mark.parametrize("text, kind, changes", [
    (LSTM, "LSTM", []),
    (LSTM, "LSTM", [("{h: hidden, c: hidden}", "{cell: hidden, out: hidden}"), ("output: h", "output: out"),
                    ("h[t", "out[t"), ("c[t", "cell[t")]),
    (LSTM, "LSTM", [("f * c[t-1] + i * g", "g * i + c[t-1] * f"), ("o * tanh(c[t])", "tanh(c[t]) * o")]),
    (LSTM, "LSTM", [("W_f @ [h[t-1], x[t]] + b_f", "b_f + W_f @ [x[t], h[t-1]]"),
                    ("W_f, W_i", "W_f: [hidden, input + hidden]\n  W_i")]),
    (LSTM, "LSTM", [("i = sigmoid(W_i @ [h[t-1], x[t]] + b_i)", "i = 1 - f"), ("W_f, W_i,", "W_f,"),
                    ("b_f, b_i,", "b_f,")]),
    (LSTM, "LSTM", [("f * c[t-1] + i * g", "c[t-1] - (1 - f) * c[t-1] + i * g")]),
    (LSTM, "LSTM", [("f * c[t-1] + i * g", "f * c[t-1] - i * g")]),
    (LSTM, "LSTM", [(" + b_f)", " - b_f + 1)"), (" + b_i)", " + b_i + b_f)")]),
    (LSTM, "LSTM", [("W_o @ [h[t-1], x[t]] + b_o", "2 * (W_o @ [h[t-1], x[t]]) - 0.5 * b_o")]),
    (GRU, "GRU", []),
    (GRU, "GRU", [("(1 - z) * n + z * h[t-1]", "z * n + (1 - z) * h[t-1]")]),
    (GRU, "GRU", [("(1 - z) * n + z * h[t-1]", "n + z * (h[t-1] - n)")]),
    (GRU, "GRU", [("r * (U_n @ h[t-1] + c_n)", "r * (U_n @ h[t-1]) + c_n * r")]),
    (GRU, "GRU", [("r * (U_n @ h[t-1] + c_n)", "(1 - r) * (U_n @ h[t-1] + c_n)")]),
    (GRU, "GRU", [("n = tanh(W_n @ x[t] + b_n + r * (U_n @ h[t-1] + c_n))", "n = tanh(W_n @ x[t] + b_n + r * (U_n @ "
                                                                            "h[t-1]) + c_n)")]),
    (RNN, "RNN", []),
    (RNN, "RNN", [("tanh", "relu")]),
    (RNN, "RNN", [(" + b)", " + b + b - 0.5)")]),
    (RNN, "RNN", [("+ U @", "- U @")]),
])  # fmt: skip
def test_one_cell_in_other_words(text: str, kind: str, changes: list[tuple[str, str]]) -> None:
    matched = match(step(text, *changes))
    assert matched.torch is not None, matched.torch_reason
    assert matched.torch.kind == kind and matched.onnx == matched.torch


@pytest.mark.parametrize("text, changes, of_torch, of_onnx", [
    (LSTM, [("b_f, b_i", "p: [hidden]\n  b_f, b_i"), ("+ b_o)", "+ b_o + p * c[t])")],
     "the gates read `c` through p: nn.LSTM has no peepholes", "is ONNX's LSTM with peepholes"),
    (LSTM, [("b_f, b_i", "p: [hidden]\n  b_f, b_i"), ("+ b_o)", "+ b_o + p * c[t-1])")],
     "a gate adds `c[t-1] * p`", ""),
    (LSTM, [("b_f, b_i", "P: [hidden, hidden]\n  b_f, b_i"), ("+ b_o)", "+ b_o + P @ c[t])")],
     "a gate multiplies a matrix with `c[t]`", ""),
    (LSTM, [("output: h", "output: c")], "the output is `c[t]`, the LSTM gives out `h[t]`", ""),
    (LSTM, [("output: h", "output: g")], "the output is `tanh(W_g @ h[t-1] + W_g @ x[t] + b_g)`, not a state", ""),
    (LSTM, [("f = sigmoid", "f = hard_sigmoid")], "its gates have different functions, hard_sigmoid and sigmoid", ""),
    (LSTM, [("sigmoid", "hard_sigmoid")], "nn.LSTM has sigmoid where the cell has hard_sigmoid", "is ONNX's LSTM"),
    (LSTM, [("o * tanh(c[t])", "o * exp(c[t])")], "nn.LSTM has tanh where the cell has exp",
     "ONNX's LSTM has no activation `exp`"),
    (LSTM, [("o * tanh(c[t])", "o * softplus(c[t])")], "nn.LSTM has tanh where the cell has softplus",
     "of ONNX's activation `Softplus`, onnxruntime's is infinite beyond 88"),
    (LSTM, [("f * c[t-1]", "f * 0.9 * c[t-1]")], "`c[t-1]` is kept by `0.9 * sigmoid(", ""),
    (GRU, [("r * (U_n @ h[t-1] + c_n)", "U_n @ (r * h[t-1]) + c_n")],
     "the reset gate stands before the product: nn.GRU resets after it", "is ONNX's GRU, linear_before_reset=0"),
    (GRU, [("r * (U_n @ h[t-1] + c_n)", "U_n @ h[t-1] + c_n * r")], "reads `h[t-1]` past the reset gate", ""),
    (GRU, [("r * (U_n @ h[t-1] + c_n)", "U_n @ (r * h[t-1] + c_n)")],
     "its candidate multiplies a matrix with `h[t-1] * sigmoid(", ""),
    (GRU, [("tanh(W_n @ x[t] + b_n + r", "tanh(b_n + r * (W_n @ x[t]) + r")],
     "its reset gate multiplies what is read of x[t]", ""),
    (GRU, [("(1 - z) * n", "(1 - r) * n")], "`h[t]` is not z·h[t-1] + (1 − z)·n", ""),
    (GRU, [("= tanh(", "= (")], "its candidate has no function", ""),
    (RNN, [("tanh", "sigmoid")], "nn.RNN has tanh and relu, not sigmoid", "is ONNX's RNN"),
    (RNN, [("output: h", "output: y"), ("equations:", "equations:\n  - y = 2 * h[t-1]")],
     "the output is not the state `h[t]`", ""),
    (RNN, [("{h: hidden}", "{h: hidden, a: hidden, b2: hidden}"),
           ("equations:", "equations:\n  - a[t] = h[t-1]\n  - b2[t] = a[t]")], "it has 3 states", ""),
])  # fmt: skip
def test_what_keeps_a_cell_from_it(text: str, changes: list[tuple[str, str]], of_torch: str, of_onnx: str) -> None:
    cell_step = step(text, *changes)
    assert of_torch in why_torch(cell_step)
    assert (of_onnx or of_torch) in why_onnx(cell_step)


def test_a_name_decides_nothing() -> None:
    assert why_torch(step_of(cell_of(LSTM, "gru"), SIZES)) == "is nn.LSTM"
    assert why_torch(step_of(cell_of(GRU, "lstm_peephole"), SIZES)) == "is nn.GRU"
