"""ONNX's own backend tests of RNN, GRU and LSTM as netspec files: published inputs, weights and results.

Every case of the installed onnx is here; none is beyond the language.  `layout=1` (batchwise) is how netspec takes
sequences anyway.  What the cases do not have (clip, input_forget, other activations, linear_before_reset=1, ragged
sequences) is held against formulas and onnxruntime elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import netspec

CELLS = {
    "LSTM": """
    state: {h: hidden, c: hidden}
    output: h
    weights:
      W_i, W_o, W_f, W_c: [hidden, input]
      R_i, R_o, R_f, R_c: [hidden, hidden]
      Wb_i, Wb_o, Wb_f, Wb_c, Rb_i, Rb_o, Rb_f, Rb_c, P_i, P_o, P_f: [hidden]
    equations:
      - i = sigmoid(W_i @ x[t] + R_i @ h[t-1] + P_i * c[t-1] + Wb_i + Rb_i)
      - f = sigmoid(W_f @ x[t] + R_f @ h[t-1] + P_f * c[t-1] + Wb_f + Rb_f)
      - g = tanh(W_c @ x[t] + R_c @ h[t-1] + Wb_c + Rb_c)
      - c[t] = f * c[t-1] + i * g
      - o = sigmoid(W_o @ x[t] + R_o @ h[t-1] + P_o * c[t] + Wb_o + Rb_o)
      - h[t] = o * tanh(c[t])
""",
    "GRU": """
    state: {h: hidden}
    output: h
    weights:
      W_z, W_r, W_h: [hidden, input]
      R_z, R_r, R_h: [hidden, hidden]
      Wb_z, Wb_r, Wb_h, Rb_z, Rb_r, Rb_h: [hidden]
    equations:
      - z = sigmoid(W_z @ x[t] + R_z @ h[t-1] + Wb_z + Rb_z)
      - r = sigmoid(W_r @ x[t] + R_r @ h[t-1] + Wb_r + Rb_r)
      - n = tanh(W_h @ x[t] + R_h @ (r * h[t-1]) + Rb_h + Wb_h)
      - h[t] = (1 - z) * n + z * h[t-1]
""",
    "RNN": """
    state: {h: hidden}
    output: h
    weights:
      W_i: [hidden, input]
      R_i: [hidden, hidden]
      Wb_i, Rb_i: [hidden]
    equations:
      - h[t] = tanh(W_i @ x[t] + R_i @ h[t-1] + Wb_i + Rb_i)
""",
}
GATES = {"LSTM": "iofc", "GRU": "zrh", "RNN": "i"}
NAMES = [
    *(f"test_{kind}_{what}" for kind in ("lstm", "gru", "simple_rnn")
      for what in ("defaults", "with_initial_bias", "batchwise", "reverse", "bidirectional")),
    "test_lstm_with_peepholes", "test_gru_seq_length", "test_rnn_seq_length",
]  # fmt: skip


def _cases() -> dict[str, Any]:
    from onnx.backend.test.case import node
    from onnx.backend.test.case.node import gru, lstm, rnn  # noqa: F401  # importing one makes its cases

    return {c.name: c for c in node._NodeTestCases if c.model.graph.node[0].op_type in CELLS}


CASES = _cases()


def test_every_case_is_here() -> None:
    assert sorted(CASES) == sorted(NAMES)


def _weights(kind: str, hidden: int, given: Mapping[str, Any], row: int) -> dict[str, Any]:
    """One direction's weights by the names of the cell; what a case leaves out is 0."""
    gates = GATES[kind]
    size = hidden * len(gates)
    biases = given.get("B", np.zeros((row + 1, 2 * size), np.float32))[row]
    found = {}
    for at, gate in enumerate(gates):
        part = slice(at * hidden, (at + 1) * hidden)
        found |= {f"W_{gate}": given["W"][row][part], f"R_{gate}": given["R"][row][part],
                  f"Wb_{gate}": biases[:size][part], f"Rb_{gate}": biases[size:][part]}  # fmt: skip
    if kind == "LSTM":
        peepholes = given.get("P", np.zeros((row + 1, 3 * hidden), np.float32))[row]
        found |= {f"P_{gate}": peepholes[i * hidden : (i + 1) * hidden] for i, gate in enumerate("iof")}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_published_data(name: str) -> None:
    case = CASES[name]
    [node] = case.model.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    kind, hidden = node.op_type, attributes["hidden_size"]
    direction = attributes.get("direction", b"forward").decode()
    assert set(attributes) <= {"hidden_size", "direction", "layout"}
    [(inputs, outputs)] = case.data_sets
    given = dict(zip([n for n in node.input if n], inputs, strict=True))
    expected = dict(zip([n for n in node.output if n], outputs, strict=True))
    x = given["X"]
    if not attributes.get("layout"):  # time first
        x = x.transpose(1, 0, 2)
        expected = {k: v.transpose(2, 0, 1, 3) if k == "Y" else v.transpose(1, 0, 2) for k, v in expected.items()}
    assert not any(given[n].any() for n in ("initial_h", "initial_c") if n in given)
    if "sequence_lens" in given:
        assert (given["sequence_lens"] == x.shape[1]).all()

    both = str(direction != "forward").lower()  # a reverse layer is half of one in both directions
    graph = netspec.load(
        f"netspec: 1\ninputs: {{x: [T, {x.shape[2]}]}}\ncells:\n  it:{CELLS[kind]}"
        f"layers:\n  rnn: {{type: recurrent, cell: it, hidden: {hidden}, bidirectional: {both}}}\n"
        "outputs: {y: rnn, state: rnn.state}\n"
    )
    module = netspec.to_torch(graph).eval()
    rows = {"forward": [0], "reverse": [None, 0], "bidirectional": [0, 1]}[direction]
    with torch.no_grad():
        for suffix, row in zip(("_l0", "_l0_reverse"), rows, strict=False):
            for key, value in _weights(kind, hidden, given, row).items() if row is not None else ():
                module.get_parameter(f"rnn.{key}{suffix}").copy_(torch.from_numpy(value))
        ours = {k: v.numpy() for k, v in module(torch.from_numpy(x)).items()}
    model = netspec.to_onnx(graph, module)
    assert [n.op_type for n in model.graph.node if n.op_type in (*CELLS, "Scan")] == [kind]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    theirs = dict(zip(ours, session.run(list(ours), {"x": x}), strict=True))
    wanted = [i for i, row in enumerate(rows) if row is not None]
    for run in (ours, theirs):
        y = run["y"].reshape(*x.shape[:2], len(rows), hidden)[:, :, wanted]  # (B, T, D, H)
        h, c = run["state"][:, wanted, :hidden], run["state"][:, wanted, hidden:]
        for key, value in {"Y": y, "Y_h": h, "Y_c": c}.items():
            if key in expected:
                np.testing.assert_allclose(value, expected[key], rtol=1e-5, atol=1e-6, err_msg=key)
