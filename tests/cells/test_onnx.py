"""Every cell of the library in ONNX: onnxruntime against the plain path in float64, and what the model is made of."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_cells import cells
from test_recognise import GRU, LSTM, RNN
from torch import Tensor

import netspec
from netspec.cells.ir.stack import CellStack
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run import plain_only
from netspec.cells.run.plain import plain

FEATURES, HIDDEN = 3, 4
STEPS, BATCHES = (1, 2, 37, 150), (1, 5, 33)
TOLERANCE = 1e-5  # of the largest value: float32 over 150 steps against float64


def network(cell: str, fields: str = "", ragged: bool = False, given: str = "", outputs: str = "") -> str:
    """A file with the one layer `rnn`."""
    declared = library_cell(cell)
    needed = ", ".join(f"{name}: 1.0" for name, default in declared.params.items() if default is None)
    params = f", params: {{{needed}}}" if needed else ""
    inputs = "x: [T, 3]" + ", n: {shape: [], dtype: int64}" * ragged + f", s: {given}" * bool(given)
    wiring = "input: x" + ", lengths: n" * ragged + ", initial_state: s" * bool(given)
    return (
        f"netspec: 1\ninputs: {{{inputs}}}\nlayers:\n  rnn: {{type: {cell}, hidden: {HIDDEN}{params}{fields}, "
        f"from: {{{wiring}}}}}\noutputs: {{{outputs or 'y: rnn, state: rnn.state'}}}\n"
    )


def exported(text: str) -> tuple[netspec.Graph, torch.nn.Module, onnx.ModelProto]:
    """Graph, module with weights that are all in use, and a model that the checker accepts in full."""
    graph = netspec.load(text)
    module = netspec.to_torch(graph).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
    model = netspec.to_onnx(graph, module)
    onnx.checker.check_model(model, full_check=True)
    return graph, module, model


def session_of(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the tensors are small
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def drawn(graph: netspec.Graph, batch: int, steps: int) -> dict[str, Tensor]:
    """Inputs with NaN in the padding, and every length from 0 to all steps."""
    generator = torch.Generator().manual_seed(100 * steps + batch)
    inputs = {"x": torch.randn(batch, steps, FEATURES, generator=generator)}
    if "n" in graph.inputs:
        inputs["n"] = torch.randint(0, steps + 1, (batch,), generator=generator)
        inputs["n"][1::3] = 0
        inputs["x"][torch.arange(steps) >= inputs["n"][:, None]] = torch.nan
    if "s" in graph.inputs:
        inputs["s"] = torch.randn(batch, *graph.inputs["s"].shape[1:], generator=generator)  # type: ignore[arg-type]
    return inputs


def far(ours: Any, theirs: Any) -> float:
    """The largest difference in parts of the largest value."""
    assert ours.shape == tuple(theirs.shape)
    theirs = np.asarray(theirs)
    assert np.isfinite(theirs).all() and np.isfinite(ours).all()
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-6))


@pytest.mark.parametrize("given", [False, True], ids=["zero", "given"])
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("cell", library_names())
def test_every_cell_at_every_length(cell: str, ragged: bool, given: bool) -> None:
    state = netspec.load(network(cell))["rnn"].outputs["state"].shape
    graph, module, model = exported(network(cell, "", ragged, f"[1, {state[2]}]" if given else ""))
    stack: CellStack = module.rnn.stack  # type: ignore[union-attr, assignment]
    step, sizes = stack.steps[0], list(stack.sizes(0).values())
    weights = {name: module.get_parameter(f"rnn.{full}").double() for name, full in stack.names(0).items()}
    session = session_of(model)
    for steps in STEPS:
        for batch in BATCHES:
            inputs = drawn(graph, batch, steps)
            start = inputs["s"][:, 0].double() if given else torch.zeros(batch, sum(sizes), dtype=torch.float64)
            with torch.no_grad():
                y, final = plain(
                    step, inputs["x"].double().transpose(0, 1), weights, start.split(sizes, -1), inputs.get("n"), False
                )
            got_y, got_state = session.run(None, {k: v.numpy() for k, v in inputs.items()})
            assert far(got_y, y.transpose(0, 1)) < TOLERANCE, (steps, batch)
            assert far(got_state, torch.cat(final, -1)[:, None]) < TOLERANCE, (steps, batch)


@pytest.mark.parametrize("fields", [
    ", num_layers: 2, bidirectional: true", ", bidirectional: true, returns: last",
    ", num_layers: 2, returns: last, initial_state: learned", ", bidirectional: true, returns: state",
])  # fmt: skip
@pytest.mark.parametrize("cell", ["lstm_peephole", "gru", "rnn", "sru", "qrnn", "fgr"])
def test_layers_directions_and_what_is_given_out(cell: str, fields: str) -> None:
    for ragged in (False, True):
        graph, module, model = exported(network(cell, fields, ragged))
        session = session_of(model)
        for batch, steps in [(3, 6), (1, 1), (4, 11)]:
            inputs = drawn(graph, batch, steps)
            with torch.no_grad():
                expected = module(**inputs)
            for (name, theirs), ours in zip(
                expected.items(), session.run(list(expected), {k: v.numpy() for k, v in inputs.items()}), strict=True
            ):
                assert far(ours, theirs) < TOLERANCE, name


def test_a_sequence_without_a_step_ends_where_it_began() -> None:
    """What torch's module refuses: a stream whose sequence has ended gets pieces of length 0."""
    for cell in ("lstm", "gru", "nig"):
        state = netspec.load(network(cell))["rnn"].outputs["state"].shape
        _, _, model = exported(network(cell, "", True, f"[1, {state[2]}]"))
        start = np.random.default_rng(0).normal(size=(3, 1, state[2])).astype(np.float32)
        x = np.full((3, 4, 3), np.nan, np.float32)
        x[1] = 0.5
        y, final = session_of(model).run(None, {"x": x, "n": np.array([0, 4, 0]), "s": start})
        np.testing.assert_array_equal(final[[0, 2]], start[[0, 2]])
        assert not y[[0, 2]].any() and y[1].all()


KINDS = {"cifg": "LSTM", "gru": "GRU", "gru_reset_after": "GRU", "lstm": "LSTM", "lstm_peephole": "LSTM",
         "niaf": "LSTM", "noaf": "LSTM", "np": "LSTM", "rnn": "RNN"}  # fmt: skip


@pytest.mark.parametrize("cell", library_names())
def test_the_operator(cell: str) -> None:
    _, _, model = exported(network(cell, outputs="y: rnn"))
    kinds = [n.op_type for n in model.graph.node]
    operator = KINDS.get(cell, "Scan")
    [node] = [n for n in model.graph.node if n.op_type in ("LSTM", "GRU", "RNN", "Scan")]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert node.op_type == operator and "layout" not in attributes
    assert kinds.count("Transpose") == 2, "one in, one out"
    if operator == "GRU":
        assert attributes["linear_before_reset"] == int(cell == "gru_reset_after")
    if operator != "Scan":
        assert len(node.output) == 1, "no state is computed that nobody reads"
    else:
        inside = [n.op_type for n in attributes["body"].node]
        assert inside.count("MatMul") + inside.count("Gemm") <= 5 and "Transpose" not in inside


def test_nothing_of_the_input_is_multiplied_in_the_loop() -> None:
    _, _, model = exported(network("nig", outputs="y: rnn"))
    [scan] = [n for n in model.graph.node if n.op_type == "Scan"]
    body = next(a.g for a in scan.attribute if a.name == "body")
    shapes = {i.name: list(i.dims) for i in model.graph.initializer}
    products = [shapes[n.input[1]] for n in body.node if n.op_type in ("MatMul", "Gemm")]
    assert products == [[HIDDEN, 3 * HIDDEN]], "three gates, one product with h[t-1]"


def test_both_directions_are_one_operator() -> None:
    _, _, model = exported(network("lstm", ", bidirectional: true", outputs="y: rnn"))
    [node] = [n for n in model.graph.node if n.op_type == "LSTM"]
    assert {a.name: a.s for a in node.attribute}["direction"] == b"bidirectional"
    assert [n.op_type for n in model.graph.node].count("Transpose") == 2


CUSTOM = """
netspec: 1
inputs: {{x: [T, 4], n: {{shape: [], dtype: int64}}}}
cells:
  it:
    state: {{h: hidden, c: hidden}}
    output: {output}
    weights:
      W, V: [hidden, hidden]
      U: [hidden, input]
      b: [hidden]
      s: []
    equations:
{equations}
layers:
  rnn: {{type: recurrent, cell: it, hidden: 4, bidirectional: true, from: {{input: x, lengths: n}}}}
outputs: {{y: rnn, state: rnn.state}}
"""


@pytest.mark.parametrize("output, equations", [
    ("y", ["h[t] = -(W @ h[t-1]) + s", "c[t] = tanh(-c[t-1]) - h[t] + b", "y = -(V @ c[t]) / (2 + U @ x[t])"]),
    ("y", ["h[t] = b", "c[t] = U @ x[t]", "y = max(W @ h[t-1], s) * c[t-1] + V @ (W @ b)"]),
    ("h", ["h[t] = relu(W @ (V @ h[t-1])) - (V @ h[t-1]) * c[t-1] * s", "c[t] = sigmoid(h[t-1] - U @ x[t]) + b"]),
    ("c", ["h[t] = tanh(W @ h[t-1] + W @ c[t-1] + b)", "c[t] = hard_tanh(s - h[t-1] - (V @ c[t-1] - U @ x[t]))"]),
    ("y", ["h[t] = tanh(W @ h[t-1] + V @ c[t-1])", "c[t] = c[t-1]", "y = b + 0 * s - sigmoid(U @ x[t])"]),
    ("y", ["h[t] = tanh(W @ h[t-1] + V @ h[t-1] + s * b)", "c[t] = abs(h[t] - exp(-c[t-1]))", "y = c[t-1] + U @ x[t]"]),
])  # fmt: skip
def test_equations_that_no_paper_has(output: str, equations: list[str]) -> None:
    text = CUSTOM.format(output=output, equations="\n".join(f"      - {e}" for e in equations))
    graph = netspec.load(text)
    module = netspec.to_torch(graph).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.rand(parameter.shape) - 0.5)
    model = netspec.to_onnx(graph, module)
    onnx.checker.check_model(model, full_check=True)
    session = session_of(model)
    for batch, steps in [(2, 5), (1, 1)]:
        inputs = {"x": torch.randn(batch, steps, 4), "n": torch.randint(1, steps + 1, (batch,))}
        with torch.no_grad():
            expected = module(**inputs)
        got = session.run(list(expected), {k: v.numpy() for k, v in inputs.items()})
        for theirs, ours in zip(expected.values(), got, strict=True):
            assert far(ours, theirs) < TOLERANCE


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("equations", [
    ["h[t] = W @ h[t-1]"],
    ["h[t] = -(W @ h[t-1])"],
    ["h[t] = W @ tanh(U @ x[t] + h[t-1])"],
    ["m = sigmoid(U @ x[t]) * tanh(h[t-1])", "h[t] = W @ m"],
])  # fmt: skip
def test_a_state_whose_equation_is_one_product(equations: list[str], streaming: bool) -> None:
    """No other value of the step reads the product, as in an LSTM with a projection: r[t] = W_r @ m."""
    uses = "U: [hidden, input], " if "U" in "".join(equations) else ""
    listed = "\n".join(f"      - {e}" for e in equations)
    graph = netspec.load(
        "netspec: 1\ninputs: {x: [T, 3]}\ncells:\n  it:\n    state: {h: hidden}\n    output: h\n"
        f"    weights: {{{uses}W: [hidden, hidden]}}\n    equations:\n{listed}\n"
        "layers:\n  rnn: {type: recurrent, cell: it, hidden: 4, initial_state: learned}\n"
        "outputs: {y: rnn, state: rnn.state}\n"
    )
    module = netspec.to_torch(graph).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.rand(parameter.shape) - 0.5)
    model = netspec.to_onnx(graph, module, streaming=streaming)
    onnx.checker.check_model(model, full_check=True)
    inputs = {"x": torch.randn(2, 5, 3)}
    start = module.get_parameter("rnn.h_0").detach().numpy()
    fed = {"x": inputs["x"].numpy()} | ({"rnn.h_0": np.stack([start, start])} if streaming else {})
    with torch.no_grad(), plain_only():
        expected = module(**inputs)
    for theirs, ours in zip(expected.values(), session_of(model).run(list(expected), fed), strict=True):
        assert far(ours, theirs) < TOLERANCE


NATIVE = """
netspec: 1
inputs: {{x: [T, 3], n: {{shape: [], dtype: int64}}}}
cells:
  it:{cell}
layers:
  rnn: {{type: recurrent, cell: it, hidden: 4, num_layers: 2, bidirectional: {both}, from: {{input: x, lengths: n}}}}
outputs: {{y: rnn, state: rnn.state}}
"""
NEGATED = [("f * c[t-1] + i * g", "(1 - f) * c[t-1] - i * g"), ("i = sigmoid(W_i", "i = 1 - sigmoid(0.5 - W_i")]


@pytest.mark.parametrize("both", ["true", "false"])
@pytest.mark.parametrize("text, changes, activations", [
    (LSTM, [], []),
    (LSTM, [("sigmoid", "hard_sigmoid")], ["HardSigmoid", "Tanh", "Tanh"]),
    (LSTM, [("tanh(W_g", "relu(W_g"), ("tanh(c[t])", "c[t]")], ["Sigmoid", "Relu", "Affine"]),
    (LSTM, [("sigmoid", "hard_sigmoid"), ("tanh(W_g", "(W_g"), ("tanh(c[t])", "c[t]")],
     ["HardSigmoid", "Affine", "Affine"]),
    (LSTM, [("tanh(W_g", "softsign(W_g"), ("tanh(c[t])", "sigmoid(c[t])")], ["Sigmoid", "Softsign", "Sigmoid"]),
    (LSTM, [("tanh(W_g", "-softsign(W_g"), ("tanh(c[t])", "elu(c[t])")], ["Sigmoid", "Softsign", "Elu"]),
    (GRU, [("sigmoid", "hard_sigmoid"), ("tanh", "leaky_relu")], ["HardSigmoid", "LeakyRelu"]),
    (RNN, [("tanh", "softsign")], ["Softsign"]),
    (LSTM, NEGATED, []),
    (LSTM, [("sigmoid", "hard_sigmoid"), *[(a, b.replace("sigmoid", "hard_sigmoid")) for a, b in (
        ("f * c[t-1]", "(1 - f) * c[t-1]"), ("o * tanh", "(1 - o) * tanh"))]], ["HardSigmoid", "Tanh", "Tanh"]),
    (GRU, [("(1 - z) * n + z * h[t-1]", "z * n + (1 - z) * h[t-1]"), ("r * (U_n", "(1 - r) * (U_n")], []),
    (GRU, [("sigmoid", "hard_sigmoid"), ("tanh", "relu")], ["HardSigmoid", "Relu"]),
    (GRU, [("r * (U_n @ h[t-1] + c_n)", "U_n @ (h[t-1] - r * h[t-1]) + c_n")], []),
    (RNN, [("tanh", "relu")], ["Relu"]),
    (RNN, [("tanh(W", "hard_sigmoid(0.3 - W")], ["HardSigmoid"]),
])  # fmt: skip
def test_gates_and_functions_of_the_operators(
    text: str, changes: list[tuple[str, str]], activations: list[str], both: str
) -> None:
    """Other activations, negated gates, ragged, in one direction and in both: onnxruntime against the equations."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    graph, module, model = exported(NATIVE.format(cell=text.replace("\n", "\n    "), both=both))
    nodes = [n for n in model.graph.node if n.op_type in ("LSTM", "GRU", "RNN")]
    assert len(nodes) == 2
    found = [s.decode() for a in nodes[0].attribute if a.name == "activations" for s in a.strings]
    assert found == activations * (2 if both == "true" else 1)
    session = session_of(model)
    for batch, steps in [(5, 9), (1, 2)]:
        inputs = drawn(graph, batch, steps)
        with torch.no_grad():
            expected = module(**inputs)
        got = session.run(list(expected), {k: v.numpy() for k, v in inputs.items()})
        for theirs, ours in zip(expected.values(), got, strict=True):
            assert far(ours, theirs) < TOLERANCE


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=cells(), ragged=st.booleans(), both=st.booleans())
def test_random_cells(text: str, ragged: bool, both: bool) -> None:
    wiring = ", from: {input: x, lengths: n}" if ragged else ""
    hidden = ", hidden: 4" if "hidden" in text else ""
    text = (
        f"netspec: 1\ninputs: {{x: [T, 3]{', n: {shape: [], dtype: int64}' * ragged}}}\ncells:\n  it:\n"
        f"{indent(text, '    ')}layers:\n  rnn: {{type: recurrent, cell: it{hidden}, bidirectional: "
        f"{str(both).lower()}{wiring}}}\noutputs: {{y: rnn, state: rnn.state}}\n"
    )
    graph, module, model = exported(text)
    session = session_of(model)
    for batch, steps in [(2, 6), (1, 1)]:
        inputs = drawn(graph, batch, steps)
        with torch.no_grad(), plain_only():
            expected = module(**inputs)
        got = session.run(list(expected), {k: v.numpy() for k, v in inputs.items()})
        for theirs, ours in zip(expected.values(), got, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
