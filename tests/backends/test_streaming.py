"""Sequences in pieces: a streaming model against the whole, and the networks that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import netspec
from netspec import NetspecError
from netspec.backends.export import export_onnx
from netspec.backends.onnx.streaming import streaming_of
from netspec.backends.parity.compare import compare
from netspec.cells.language.library import library_cell, library_names
from netspec.cli import app
from netspec.data.preprocess import InputRule, OutputRule, Preprocess
from netspec.training.predict import predict


def trained(text: str) -> tuple[netspec.Graph, torch.nn.Module]:
    graph = netspec.load(text)
    module = netspec.to_torch(graph).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
    return graph, module


def names(values: Any) -> list[str]:
    return [v.name for v in values]


class Stream:
    """What a user of a model writes: states in, states out.  Knows nothing but the file."""

    def __init__(self, model: onnx.ModelProto, batch: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        [meta] = [p.value for p in model.metadata_props if p.key == "netspec.streaming"]
        self.meta = json.loads(meta)
        self.states = {
            s["input"]: np.broadcast_to(np.asarray(s["start"], np.float32), (batch, *s["shape"])) for s in self.meta
        }

    def __call__(self, **inputs: Tensor) -> dict[str, Any]:
        given = {k: v.numpy() for k, v in inputs.items()} | {k: np.ascontiguousarray(v) for k, v in self.states.items()}
        outputs = dict(zip(names(self.session.get_outputs()), self.session.run(None, given), strict=True))
        self.states = {s["input"]: outputs.pop(s["output"]) for s in self.meta}
        return outputs


def far(ours: Any, theirs: Tensor) -> float:
    assert ours.shape == tuple(theirs.shape)
    return float(np.abs(ours - theirs.numpy()).max() / theirs.abs().max().item())


NETWORK = """
netspec: 1
inputs: {{x: [T, 3]}}
layers:
  fc: {{type: linear, out_features: 5}}
  rnn: {{type: {cell}, hidden: 4, num_layers: 2{fields}}}
  top: {{type: gru, hidden: 3, returns: last}}
  head: {{type: linear, out_features: 2}}
outputs: {{y: rnn, z: head, state: rnn.state}}
"""


@pytest.mark.parametrize("cell", library_names())
def test_pieces_are_the_whole(cell: str) -> None:
    needed = [n for n, default in library_cell(cell).params.items() if default is None]
    fields = f", params: {{{', '.join(f'{n}: 1.0' for n in needed)}}}" if needed else ""
    graph, module = trained(NETWORK.format(cell=cell, fields=fields))
    model = netspec.to_onnx(graph, module, streaming=True)
    onnx.checker.check_model(model, full_check=True)
    x = torch.randn(3, 23, 3)
    with torch.no_grad():
        expected = module(x)
    for cuts in ([23], [1] * 23, [7, 1, 11, 4], [20, 3]):
        stream = Stream(model, 3)
        outputs = [stream(x=piece) for piece in x.split(cuts, 1)]
        assert far(np.concatenate([f["y"] for f in outputs], 1), expected["y"]) < 1e-5
        assert far(outputs[-1]["z"], expected["z"]) < 1e-5 and far(outputs[-1]["state"], expected["state"]) < 1e-5


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "lstm_peephole", "sru"])
def test_nan_stays_in_the_states_that_are_carried(cell: str) -> None:
    """What was NaN once is NaN in every later piece of that sequence, and in no other."""
    graph, module = trained(NETWORK.format(cell=cell, fields=", params: {}"))
    stream = Stream(netspec.to_onnx(graph, module, streaming=True), 2)
    x = torch.randn(2, 9, 3)
    x[0, 2] = torch.nan
    with torch.no_grad():
        expected = module(x)
    outputs = [stream(x=piece) for piece in x.split([1, 3, 5], 1)]
    y = np.concatenate([f["y"] for f in outputs], 1)
    np.testing.assert_array_equal(np.isnan(y), expected["y"].isnan().numpy())
    assert np.isnan(y[0, 2:]).all() and not np.isnan(y[0, :2]).any() and not np.isnan(y[1]).any()
    assert np.isnan(outputs[-1]["z"][0]).all() and np.isnan(outputs[-1]["state"][0]).all()


def test_names_shapes_and_the_ordinary_model_at_zero() -> None:
    graph, module = trained(NETWORK.format(cell="lstm", fields=""))
    plain, model = netspec.to_onnx(graph, module), netspec.to_onnx(graph, module, streaming=True)
    assert names(model.graph.input) == ["x", "rnn.h_0", "rnn.c_0", "top.h_0"]
    assert names(model.graph.output) == ["y", "z", "state", "rnn.h_n", "rnn.c_n", "top.h_n"]
    assert names(plain.graph.input) == ["x"] and not plain.metadata_props
    shapes = [[d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input]
    assert shapes[1:] == [["B", 2, 4], ["B", 2, 4], ["B", 1, 3]]
    x = torch.randn(2, 9, 3)
    ordinary = onnxruntime.InferenceSession(plain.SerializeToString()).run(None, {"x": x.numpy()})
    for ours, theirs in zip(Stream(model, 2)(x=x).values(), ordinary, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_a_learned_start_is_in_the_file() -> None:
    for cell in ("lstm", "sru"):
        fields = ", initial_state: learned" + ", params: {highway_bias: 0.0}" * (cell == "sru")
        graph, module = trained(NETWORK.format(cell=cell, fields=fields))
        stream = Stream(netspec.to_onnx(graph, module, streaming=True), 2)
        assert any(np.any(s) for s in stream.states.values())
        x = torch.randn(2, 6, 3)
        with torch.no_grad():
            expected = module(x)["y"]
        outputs = [stream(x=piece)["y"] for piece in x.split([4, 2], 1)]
        assert far(np.concatenate(outputs, 1), expected) < 1e-5


RAGGED = """
netspec: 1
inputs: {x: [T, 3], n: {shape: [], dtype: int64}}
layers:
  a: {type: nig, hidden: 4, from: {input: x, lengths: n}}
  b: {type: lstm, hidden: 4, returns: last, from: {input: a, lengths: n}}
outputs: {y: a, z: b}
"""


def test_a_sequence_may_end_in_an_earlier_piece() -> None:
    graph, module = trained(RAGGED)
    x, lengths = torch.randn(4, 10, 3), torch.tensor([10, 1, 6, 7])
    with torch.no_grad():
        expected = module(x, lengths)
    x[torch.arange(10) >= lengths[:, None]] = torch.nan
    stream = Stream(netspec.to_onnx(graph, module, streaming=True), 4)
    outputs = [stream(x=x[:, i:j], n=(lengths - i).clamp(0, j - i)) for i, j in [(0, 3), (3, 4), (4, 9), (9, 10)]]
    assert far(np.concatenate([f["y"] for f in outputs], 1), expected["y"]) < 1e-5
    assert far(outputs[-1]["z"], expected["z"]) < 1e-5


def test_export_holds_the_pieces_against_the_module(tmp_path: Path) -> None:
    graph, module = trained(RAGGED)
    parity = export_onnx(graph, module, tmp_path / "net.onnx", streaming=True)
    assert 0 < parity.error < 1e-5
    props = {p.key for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert {"netspec.streaming", "netspec.parity_error"} <= props


def test_a_state_that_is_not_carried_is_noticed() -> None:
    """A model whose state output is its state input: right on the whole, wrong in pieces."""
    graph, module = trained(NETWORK.format(cell="lstm", fields=""))
    model = netspec.to_onnx(graph, module, streaming=True)
    [node] = [n for n in model.graph.node if "rnn.c_n" in n.output]
    node.input[0] = "rnn.c_0"
    with pytest.raises(NetspecError, match="differs from the PyTorch module") as caught:
        compare(graph, module, model.SerializeToString(), streaming=streaming_of(graph))
    assert caught.value.problems[0].code == "NS703"


TIME = "netspec: 1\ninputs: {x: [T, 4]}\nlayers:\n"
LAST = "  rnn: {type: lstm, hidden: 4}\n"
PERMUTED = "  a: {type: permute, dims: [0, 2, 1]}\n"


@pytest.mark.parametrize("layers, line, words", [
    ("  rnn: {type: lstm, hidden: 4, bidirectional: true}\n", 4, "`rnn` is bidirectional and cannot stream"),
    (LAST + "  mean: {type: mean, dim: 1}\n", 5, "`mean` looks across the time `T`"),
    (LAST + "  max: {type: softmax, dim: 1}\n", 5, "`max` looks across the time"),
    ("  attend: {type: multi_head_attention, num_heads: 2, causal: true}\n" + LAST, 4, "looks across the time"),
    ("  place: positional_encoding\n" + LAST, 4, "`place` counts the steps of `T`"),
    (LAST + PERMUTED + "  conv: {type: conv1d, out_channels: 2, kernel_size: 3, padding: causal}\n", 6,
     "`conv` looks across the time"),
    (LAST + PERMUTED + "  norm: {type: group_norm, num_groups: 2}\n", 6, "`norm` looks across the time"),
    (LAST + "  flat: {type: reshape, shape: [$(4 * 1), -1]}\n", 5, "`flat` looks across the time"),
    ("  a: {type: gru, hidden: 4}\n  b: {type: rnn, hidden: 4, from: {input: x, initial_state: a.state}}\n", 5,
     "`b` is given its initial state and cannot stream"),
    ("  a: {type: gru, hidden: 4, returns: last}\n  b: {type: reshape, shape: [1, 4]}\n"
     "  c: {type: add, from: [b, x]}\n", 6, "`c` puts what the last step gives to every step"),
])  # fmt: skip
def test_what_cannot_stream(layers: str, line: int, words: str) -> None:
    graph, module = trained(TIME + layers)
    with pytest.raises(NetspecError) as caught:
        netspec.to_onnx(graph, module, streaming=True)
    [problem] = caught.value.problems
    assert problem.code == "NS705" and words in problem.message and problem.hint
    assert problem.span is not None and problem.span.line == line
    netspec.to_onnx(graph, module)


@pytest.mark.parametrize("text, words", [
    ("netspec: 1\ninputs: {x: [7, 4]}\nlayers: {rnn: {type: lstm, hidden: 4}}\n",
     "reads 7 steps, and a piece may have"),
    ("netspec: 1\ninputs: {x: [T, 4]}\nlayers: {fc: {type: linear, out_features: 4}}\n", "there is no recurrent layer"),
    ("netspec: 1\ninputs: {x: [T, 4], y: [S, 4]}\nlayers:\n  a: {type: lstm, hidden: 4, from: x}\n"
     "  b: {type: lstm, hidden: 4, from: y}\noutputs: {a: a, b: b}\n", "`b` runs over S, `a` over T"),
    ("netspec: 1\ninputs: {x: [4, T]}\nlayers:\n  c: {type: conv1d, out_channels: 4, kernel_size: 2, stride: 2}\n"
     "  p: {type: permute, dims: [0, 2, 1]}\n  b: {type: lstm, hidden: 4}\n", "and no input has that axis"),
    ("netspec: 1\ninputs: {x: [T, 4], n: {shape: [], dtype: int64}}\nlayers:\n  b: {type: sru, hidden: 4, "
     "params: {highway_bias: 0}, returns: last, from: {input: x, lengths: n}}\n", "which no state keeps"),
    ("netspec: 1\ninputs: {x: [T, 4], n: {shape: [], dtype: int64}}\nlayers:\n  b: {type: gru, hidden: 4, "
     "initial_state: learned, returns: last, from: {input: x, lengths: n}}\n", "0 for a sequence without steps"),
])  # fmt: skip
def test_what_else_cannot_stream(text: str, words: str) -> None:
    graph, module = trained(text)
    with pytest.raises(NetspecError) as caught:
        netspec.to_onnx(graph, module, streaming=True)
    assert [p.code for p in caught.value.problems] == ["NS705"] and words in caught.value.problems[0].message


def test_layers_beside_the_time_may_do_what_they_like() -> None:
    """Only what outputs need is looked at, and only along the time."""
    graph, module = trained("""
netspec: 1
inputs: {x: [T, 4], still: [4]}
layers:
  a: {type: softmax, dim: 2, from: x}
  b: {type: layer_norm}
  rnn: {type: lstm, hidden: 4}
  turn: {type: permute, dims: [0, 2, 1]}
  norm: batch_norm1d
  last: {type: gru, hidden: 3, returns: last, from: rnn}
  soft: {type: softmax, dim: 1}
  dead: {type: mean, dim: 1, from: rnn}
  fc: {type: linear, out_features: 3, from: still}
  sum: {type: add, from: [fc, soft]}
outputs: {y: norm, z: sum}
""")
    model = netspec.to_onnx(graph, module, streaming=True)
    assert compare(graph, module, model.SerializeToString(), streaming=streaming_of(graph)).error < 1e-5


def test_predict_takes_whole_sequences(tmp_path: Path) -> None:
    """`netspec predict` begins a streaming model where it says: it predicts what the ordinary one does."""
    graph, module = trained(NETWORK.format(cell="lstm", fields=", initial_state: learned"))
    rules = Preprocess("npz", {"x": InputRule("array", ("T", 3))}, {"z": OutputRule("numbers")}).to_json()
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(5, 8, 3)))
    said = []
    for streaming in (False, True):
        model = netspec.to_onnx(graph, module, streaming=streaming)
        model.metadata_props.add(key="netspec.preprocess", value=rules)
        onnx.save(model, tmp_path / "m.onnx")
        said.append([row["z"]["value"] for row in predict(tmp_path / "m.onnx", tmp_path / "x.npz").rows])
    np.testing.assert_allclose(*said, rtol=1e-5, atol=1e-7)
    [entry] = [p for p in model.metadata_props if p.key == "netspec.streaming"]
    entry.value = entry.value.replace("start", "stop")
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(NetspecError, match=r"NS631 has no `\[0\].start`"):
        predict(tmp_path / "m.onnx", tmp_path / "x.npz")


def test_the_command(tmp_path: Path) -> None:
    good, bad, out = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "net.onnx"
    good.write_text(RAGGED)
    bad.write_text(RAGGED.replace("hidden: 4, returns", "hidden: 4, bidirectional: true, returns"))
    result = CliRunner().invoke(app, ["export", str(good), "--onnx", "--streaming", "-o", str(out)])
    assert result.exit_code == 0 and "agrees with PyTorch" in result.output
    assert "a.c_0" in names(onnx.load(out).graph.input)
    result = CliRunner().invoke(app, ["export", str(bad), "--onnx", "--streaming", "-o", str(tmp_path / "no.onnx")])
    assert result.exit_code == 1 and not (tmp_path / "no.onnx").exists()
    assert "bad.yaml:6:6: NS705 `b` is bidirectional" in result.output
