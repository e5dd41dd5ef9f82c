"""The exported model: held against torch under onnxruntime, and never kept when it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper

import netspec
from netspec import NetspecError
from netspec.backends import export as export_module
from netspec.backends.export import export_onnx
from netspec.backends.onnx.draft import ModelDraft
from netspec.backends.onnx.model import emit_model, model_of
from netspec.backends.onnx.streaming import Streaming
from netspec.backends.parity import compare as parity_module
from netspec.frontend.resolved import text_hash

CNN = """
netspec: 1
name: cnn
inputs: {image: [3, 16, 16]}
layers:
  conv: {type: conv2d, out_channels: 4, kernel_size: 3, bias: false}
  norm: batch_norm2d
  relu: relu
  drop: {type: dropout, p: 0.5}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
  probability: softmax
outputs: {logits: fc, probability: probability}
"""


def trained(text: str) -> tuple[netspec.Graph, torch.nn.Module]:
    """A module whose running statistics are not the initial ones."""
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    for _ in range(3):
        module(*(torch.randn(8, *t.shape[1:]) * 3 + 1 for t in graph.inputs.values()))
    return graph, module.eval()


def test_names_axes_opset_and_folding() -> None:
    graph, module = trained(CNN)
    model = netspec.to_onnx(graph, module)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 10 and [(o.domain, o.version) for o in model.opset_import] == [("", 21)]
    [image] = model.graph.input
    dims = image.type.tensor_type.shape.dim
    assert image.name == "image" and dims[0].dim_param == "B" and [d.dim_value for d in dims[1:]] == [3, 16, 16]
    assert [o.name for o in model.graph.output] == ["logits", "probability"]
    kinds = [n.op_type for n in model.graph.node]
    assert "BatchNormalization" not in kinds and "Dropout" not in kinds and "Identity" not in kinds
    assert {n.name for n in model.graph.node if n.op_type == "Conv"} == {"conv"}


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_agrees_with_torch(batch: int) -> None:
    graph, module = trained(CNN)
    session = onnxruntime.InferenceSession(netspec.to_onnx(graph, module).SerializeToString())
    x = torch.randn(batch, 3, 16, 16)
    expected = module(x)
    got = dict(zip(expected, session.run(None, {"image": x.numpy()}), strict=True))
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_export_keeps_the_comparison_in_the_file(tmp_path: Path) -> None:
    graph, module = trained(CNN)
    path = tmp_path / "cnn.onnx"
    parity = export_onnx(graph, module, path, {"netspec.note": "hello"})
    props = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert props["netspec.spec_sha256"] == text_hash(graph.resolved)
    assert float(props["netspec.parity_error"]) == pytest.approx(parity.error, rel=1e-3)
    assert float(props["netspec.parity_tolerance"]) == parity.tolerance == 1e-4
    assert props["netspec.parity_batches"] == "1,2,7" and props["netspec.note"] == "hello"
    assert 0 < parity.error < 1e-5


def test_a_wrong_model_is_not_kept_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, module = trained(CNN)
    path = tmp_path / "cnn.onnx"
    path.write_bytes(b"what stood there before")

    def wrong(graph: netspec.Graph, module: torch.nn.Module, streaming: Streaming | None) -> onnx.ModelProto:
        model = model_of(graph, module, streaming)
        [bias] = [i for i in model.graph.initializer if i.name == "fc.bias"]
        bias.raw_data = (np.frombuffer(bias.raw_data, np.float32) + 0.01).tobytes()
        return model

    monkeypatch.setattr(export_module, "model_of", wrong)
    with pytest.raises(NetspecError, match="differs from the PyTorch module") as caught:
        export_onnx(graph, module, path)
    assert caught.value.problems[0].code == "NS703"
    assert path.read_bytes() == b"what stood there before"
    assert list(tmp_path.iterdir()) == [path]


def test_parity_sees_a_wrong_shape_and_a_nan() -> None:
    graph, module = trained(CNN)
    model = netspec.to_onnx(graph, module).SerializeToString()

    class Off(torch.nn.Module):
        def __init__(self, change: object) -> None:
            super().__init__()
            self.change, self.inner = change, module

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {k: self.change(v) for k, v in self.inner(image).items()}  # type: ignore[operator]

    with pytest.raises(NetspecError, match="has shape"):
        parity_module.compare(graph, Off(lambda v: v[:, :3]), model)
    with pytest.raises(NetspecError, match="`logits` overflows: PyTorch itself gives infinity or NaN"):
        parity_module.compare(graph, Off(lambda v: torch.where(v == v.max(), torch.nan, v)), model)
    assert parity_module.compare(graph, Off(lambda v: v), model).error < 1e-5


def test_named_axes_stay_dynamic() -> None:
    text = """
netspec: 1
inputs: {x: [T, 6], memory: [S, 6]}
layers:
  attend: {type: multi_head_attention, num_heads: 2, from: [x, memory]}
  turn: {type: permute, dims: [0, 2, 1]}
  conv: {type: conv1d, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
  flat: {type: flatten, start_dim: 1}
outputs: {y: conv, flat: flat}
"""
    graph = netspec.load(text)
    module = netspec.to_torch(graph).eval()
    assert str(graph.output_types()["y"]) == "(B, 4, (T + 1)//2)"
    model = netspec.to_onnx(graph, module).SerializeToString()
    session = onnxruntime.InferenceSession(model)
    for b, t, s in [(1, 1, 1), (2, 9, 4), (5, 12, 31)]:
        inputs = {"x": torch.randn(b, t, 6), "memory": torch.randn(b, s, 6)}
        for (name, expected), got in zip(
            module(**inputs).items(), session.run(None, {k: v.numpy() for k, v in inputs.items()}), strict=True
        ):
            np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    assert parity_module.compare(graph, module, model).sizes[0] != parity_module.compare(graph, module, model).sizes[1]


def test_an_output_that_is_an_input_or_given_twice() -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  a: relu\noutputs: {same: x, one: a, two: a}\n"
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module)
    onnx.checker.check_model(model, full_check=True)
    assert parity_module.compare(graph, module, model.SerializeToString()).error == 0


def test_a_layer_named_as_an_output_of_another_keeps_its_own_value() -> None:
    text = """
netspec: 1
inputs: {x: [4]}
layers:
  y: {type: linear, out_features: 3}
  z: tanh
outputs: {y: z}
"""
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    assert parity_module.compare(graph, module, netspec.to_onnx(graph, module).SerializeToString()).error < 1e-6


def test_shared_weights_are_stored_once() -> None:
    text = """
netspec: 1
inputs: {tokens: {shape: [T], dtype: int64}}
layers:
  embed: {type: embedding, num_embeddings: 50, embedding_dim: 8}
  head: {type: linear, out_features: 50, bias: false, share: embed}
"""
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module)
    assert [list(i.dims) for i in model.graph.initializer] == [[50, 8]]
    assert parity_module.compare(graph, module, model.SerializeToString()).error < 1e-6


def test_emit_without_passes_keeps_batch_norm() -> None:
    graph, module = trained(CNN)
    weights = {k: v.numpy() for k, v in module.state_dict().items()}
    bound = graph.with_weights(weights)
    assert "BatchNormalization" in [n.op_type for n in emit_model(bound).graph.node]


def test_an_optional_output_that_nobody_reads_is_left_out() -> None:
    """As ONNX declares it: a max pooling may go without its indices, a top-k may not."""
    draft = ModelDraft(netspec.load("netspec: 1\ninputs: {x: [2, 4]}\nlayers:\n  y: relu\n"), streaming=False)
    draft.nodes = [
        helper.make_node("MaxPool", ["x"], ["a", "a/indices"], kernel_shape=[2]),
        helper.make_node("TopK", ["a", "k"], ["y", "y/indices"]),
        helper.make_node("LSTM", ["x", "w", "r"], ["z", "z/h", "z/c"], hidden_size=2),
        helper.make_node("Identity", ["z/h"], ["b"]),
        helper.make_node("Add", ["y", "b"], ["q"]),
    ]
    draft.state_outputs["q"] = draft.graph.inputs["x"]
    draft.drop_dead_nodes()
    assert [list(node.output) for node in draft.nodes[:3]] == [["a"], ["y", "y/indices"], ["", "z/h"]]


def test_a_file_that_is_no_model_is_not_replaced(tmp_path: Path) -> None:
    """`export net.yaml -o net.yaml` lost the network."""
    graph = netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers:\n  fc: {type: linear, out_features: 2}\n")
    other = tmp_path / "net.yaml"
    other.write_text("netspec: 1\n")
    with pytest.raises(NetspecError, match="NS704") as raised:
        export_onnx(graph, netspec.to_torch(graph), other)
    assert "is there already, and is no .onnx file" in str(raised.value)
    assert other.read_text() == "netspec: 1\n"
    export_onnx(graph, netspec.to_torch(graph), tmp_path / "model")  # a new one may be called anything
    assert (tmp_path / "model").stat().st_size
