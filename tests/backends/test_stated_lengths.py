"""The lengths that a network allows, where they are met: module, ONNX, summary, diff, data, predict."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import netspec
from netspec.backends.export import export_onnx
from netspec.backends.onnx.lengths import META, lengths_check
from netspec.report.summary import totals
from netspec.report.summary.json import render
from netspec.review.diff import diff
from netspec.source.errors import NetspecError
from netspec.training import train as loop
from netspec.training.predict import predict
from netspec.training.trained import load_run

HEAD = """
netspec: 1
name: head
inputs: {x: [T, 4]}
layers:
  head: {type: slice, dim: 1, stop: 5}
  place: {type: positional_encoding, from: x, mode: learned, max_length: 9}
  flat: {type: flatten, from: head}
  fc: {type: linear, out_features: 2}
  mean: {type: mean, from: place, dim: 1}
outputs: {kind: fc, mean: mean}
"""
LEARNS = """
data: {source: {type: npz, path: own.npz}, split: {train: 0.5, test: 0.5}}
train: {loss: {kind: cross_entropy, mean: squared}, optimizer: {type: sgd, lr: 0.1}, epochs: 1}
"""


def refused(length: int) -> str:
    module = netspec.to_torch(netspec.load(HEAD))
    with pytest.raises(NetspecError) as caught:
        module(torch.zeros(2, length, 4))
    return str(caught.value)


def test_the_module_names_the_axis_and_the_layer() -> None:
    assert refused(3).splitlines()[0] == "NS503 `T`, axis 1 of `x`, is at least 5, received 3"
    assert "`head` and `place`" in refused(3)
    assert refused(10).splitlines()[0] == "NS503 `T`, axis 1 of `x`, is at most 9, received 10"
    assert "received 0" in refused(0)


def test_an_empty_sequence_is_never_allowed() -> None:
    module = netspec.to_torch(netspec.load("netspec: 1\ninputs: {x: [T, 4]}\nlayers: {r: relu}\n"))
    with pytest.raises(NetspecError, match=r"is at least 1, received 0"):
        module(torch.zeros(2, 0, 4))


def test_one_name_is_one_length() -> None:
    """torch would stretch the shorter one without a word."""
    text = "netspec: 1\ninputs: {x: [T, 4], y: [T, 4]}\nlayers: {s: {type: add, from: [x, y]}}\n"
    module = netspec.to_torch(netspec.load(text))
    assert module(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)).shape == (2, 3, 4)
    with pytest.raises(NetspecError, match=r"`T` has one length, received 3 and 1"):
        module(torch.zeros(2, 3, 4), torch.zeros(2, 1, 4))


def test_torch_takes_them_for_bounds_of_its_own() -> None:
    module = netspec.to_torch(netspec.load(HEAD)).eval()
    x, axes = torch.zeros(2, 7, 4), {"x": {1: torch.export.Dim("t", min=6, max=9)}}
    exported = torch.export.export(module, (x,), dynamic_shapes=axes)
    assert [(r.lower, r.upper) for r in exported.range_constraints.values()] == [(6, 9)]
    with pytest.raises(Exception, match=r"9"):
        torch.export.export(module, (x,), dynamic_shapes={"x": {1: torch.export.Dim("t", min=6, max=12)}})
    compiled = torch.compile(module, backend="eager", dynamic=True)
    assert compiled(x)["kind"].shape == (2, 2)
    with pytest.raises(NetspecError, match="at least 5, received 3"):
        compiled(torch.zeros(2, 3, 4))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_checks_too() -> None:
    script = torch.jit.script(netspec.to_torch(netspec.load(HEAD)).eval())
    x = torch.randn(2, 7, 4)
    assert script(x)["kind"].shape == (2, 2)
    with pytest.raises(torch.jit.Error, match="`T`, axis 1 of `x`, is at least 5, at most 9, received 4"):
        script(torch.zeros(2, 4, 4))
    text = "netspec: 1\ninputs: {x: [T, 4], y: [T, 4]}\nlayers: {s: {type: add, from: [x, y]}}\n"
    script = torch.jit.script(netspec.to_torch(netspec.load(text)))
    torch.testing.assert_close(script(x, x), 2 * x)
    with pytest.raises(torch.jit.Error, match="`T` has one length, received 7 and 1"):
        script(x, x[:, :1])


def test_copies_check_too() -> None:
    module = netspec.to_torch(netspec.load(HEAD))
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other(torch.zeros(1, 5, 4))["kind"].shape == (1, 2)
        with pytest.raises(NetspecError, match="at least 5, received 4"):
            other(torch.zeros(1, 4, 4))


def test_onnx_states_them(tmp_path: Path) -> None:
    graph = netspec.load(HEAD)
    parity = export_onnx(graph, netspec.to_torch(graph), tmp_path / "head.onnx")
    assert {s["T"] for s in parity.sizes} == {5, 6, 7, 8, 9}
    proto = onnx.load(tmp_path / "head.onnx")
    assert proto.graph.input[0].doc_string == "T >= 5, T <= 9"
    assert json.loads({p.key: p.value for p in proto.metadata_props}[META]) == ["T >= 5", "T <= 9"]
    wrong = lengths_check(proto)
    assert wrong({"x": (2, 5, 4)}) == ""
    assert wrong({"x": (2, 4, 4)}) == "it takes T >= 5, received T = 4"
    assert wrong({"x": (2, 10, 4)}) == "it takes T <= 9, received T = 10"


@pytest.mark.parametrize(
    "value", ["", "{}", '["T"', "[1]", '["T >"]', '["Q >= 2"]', '["__import__(1)"]', "[\"T >= 'a'\"]"]
)
def test_damaged_metadata_are_said(value: str) -> None:
    proto = netspec.to_onnx(graph := netspec.load(HEAD), netspec.to_torch(graph))
    next(p for p in proto.metadata_props if p.key == META).value = value
    with pytest.raises(ValueError):
        lengths_check(proto)


def test_summary_and_diff_show_them() -> None:
    graph = netspec.load(HEAD)
    assert ("lengths", "T >= 5 (head), T <= 9 (place)") in totals(graph)
    assert json.loads("".join(render(graph)))["lengths"] == [{"condition": "T >= 5", "layer": "head"},
                                                     {"condition": "T <= 9", "layer": "place"}]  # fmt: skip
    changes = diff(graph, netspec.load(HEAD.replace("max_length: 9", "max_length: 8"))).interface
    assert [(c.what, c.before, c.after) for c in changes] == [("lengths", "T >= 5, T <= 9", "T >= 5, T <= 8")]


def test_data_and_predictions_are_held_to_them(tmp_path: Path) -> None:
    graph = netspec.load(HEAD + LEARNS, folder=tmp_path)

    def save(name: str, length: int) -> Path:
        np.savez(
            tmp_path / name,
            x=np.random.default_rng(0).normal(size=(8, length, 4)).astype(np.float32),
            kind=np.arange(8) % 2,
            mean=np.zeros((8, 4), np.float32),
        )
        return tmp_path / name

    save("own.npz", 3)
    with pytest.raises(NetspecError, match=r"NS605 the arrays of own\.npz have T = 3, the network takes T >= 5"):
        loop.train(graph, run=tmp_path / "short", device="cpu")
    save("own.npz", 6)
    loop.train(graph, run=tmp_path / "run", device="cpu")
    trained = load_run(tmp_path / "run")
    export_onnx(trained.spec, trained.module, tmp_path / "run.onnx",
                        {"netspec.preprocess": trained.preprocess.to_json()})  # fmt: skip
    for model in (tmp_path / "run", tmp_path / "run.onnx"):
        assert len(predict(model, save("new.npz", 9), device="cpu").rows) == 8
        with pytest.raises(NetspecError, match=r"NS632 .*T"):
            predict(model, save("new.npz", 4), device="cpu")
