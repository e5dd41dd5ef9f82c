"""What the comparison of an ONNX model with its module refuses to call agreement."""

from __future__ import annotations

import pytest
import torch
from onnx import numpy_helper

import netspec
from netspec.backends.parity.compare import compare
from netspec.backends.parity.trials import COUNT, trial_sizes
from netspec.backends.torch.lengths import check_length
from netspec.shapes.lengths import Lengths
from netspec.source.errors import NetspecError

NET = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  fc: {type: linear, out_features: 1}\n"


def test_nothing_finite_is_no_agreement() -> None:
    graph = netspec.load(NET)
    module = netspec.to_torch(graph)
    with torch.no_grad():
        module.get_parameter("fc.weight").fill_(float("nan"))
    with pytest.raises(NetspecError, match="no finite value in any trial"):
        compare(graph, module, netspec.to_onnx(graph, module).SerializeToString())


def test_the_scale_is_the_largest_value_of_any_trial() -> None:
    """An output of one number comes near 0 in some trial; rounding is measured against what it can be."""
    graph = netspec.load(NET)
    module = netspec.to_torch(graph)
    assert compare(graph, module, netspec.to_onnx(graph, module).SerializeToString(), batches=(1,) * 50).error < 1e-6


def test_another_value_in_float64_excuses_nothing() -> None:
    """Only rounding is forgiven; where float64 takes another branch (a pixel, a sign), a wrong model stays wrong."""

    class Branching(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.inner(x)
            return y + 1 if x.dtype == torch.float64 else y

    graph = netspec.load(NET)
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module)
    bias = next(t for t in model.graph.initializer if t.name == "fc.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, bias.name))
    with pytest.raises(NetspecError, match="differs from the PyTorch module"):
        compare(graph, Branching(module), model.SerializeToString())


@pytest.mark.parametrize(("shape", "fields"), [
    ("[1, 5000]", "scale_factor: 1.5, mode: linear"), ("[1, 2, 4000]", "size: [3, 3001], mode: bilinear"),
    ("[1, 300, 1200]", "scale_factor: 0.7, mode: bicubic"),
    ("[1, 1, 2, 3000]", "size: [1, 2, 7000], mode: trilinear, align_corners: true"),
])  # fmt: skip
def test_pixels_between_others_are_read_at_rounded_positions(shape: str, fields: str) -> None:
    """Of thousands, by PyTorch and by a runtime: both are as far from float64.  The pixel beside is another one."""
    graph = netspec.load(f"netspec: 1\ninputs: {{x: {shape}}}\nlayers: {{u: {{type: upsample, {fields}}}}}\n")
    module = netspec.to_torch(graph)
    parity = compare(graph, module, netspec.to_onnx(graph, module).SerializeToString(), batches=(1,))
    assert parity.error > 1e-4 > parity.beyond

    class Beside(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.inner(x.roll(1, -1))
            return y

    with pytest.raises(NetspecError, match="differs from the PyTorch module"):
        compare(graph, Beside(module), netspec.to_onnx(graph, module).SerializeToString(), batches=(1,))


def lengths_tried(layers: str, shape: str = "[T, 4]") -> list[int]:
    return [row["T"] for row in trial_sizes(netspec.load(f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n{layers}"))]


@pytest.mark.parametrize(
    ("layers", "shape", "expected"),
    [
        ("  a: {type: slice, dim: 1, start: -6, stop: 6}\n", "[T, 4]", {6, 7, 10, 11}),  # all that is allowed: 6 to 11
        ("  a: {type: positional_encoding, mode: learned, max_length: 30}\n", "[T, 4]", {1, 2, 29, 30}),
        ("  a: {type: conv1d, out_channels: 2, kernel_size: 5, dilation: 4}\n", "[2, T]", {17, 18, 37}),
        ("  a: {type: max_pool1d, kernel_size: 4, stride: 4}\n", "[2, T]", {4, 5, 7, 8, 9}),
        (
            "  a: {type: max_pool1d, kernel_size: 2}\n  b: {type: adaptive_avg_pool1d, output_size: 9}\n",
            "[2, T]",
            {2, 3, 17, 18, 19},
        ),  # nine behind the pool
        ("  a: {type: upsample, size: 7}\n", "[2, T]", {1, 6, 7, 8, 13, 14, 15, 49}),
        ("  a: {type: upsample, scale_factor: 1.25}\n", "[2, T]", {1, 3, 4, 5, 7, 8, 9, 10, 11}),
    ],
)
def test_the_lengths_that_matter_are_tried(layers: str, shape: str, expected: set[int]) -> None:
    tried = lengths_tried(layers, shape)
    assert expected <= set(tried) and len(tried) == len(set(tried)) <= COUNT


def test_trials_are_bounded() -> None:
    """Of what would take minutes, the shortest and one in the middle; of names, no sum of their combinations."""
    layers = "  a: {type: linear, out_features: 20000}\n  b: {type: linear, out_features: 20000}\n"
    assert lengths_tried(layers + "  c: {type: slice, dim: 1, start: 100000}\n")[:1] == [100001]
    assert len(lengths_tried(layers + "  c: {type: slice, dim: 1, start: 100000}\n")) == 2
    text = "netspec: 1\ninputs: {x: [P, Q, R, S, T]}\nlayers: {r: {type: pad, padding: [1, 2, 3, 4]}}\n"
    assert len(trial_sizes(netspec.load(text))) <= COUNT


@pytest.mark.parametrize("length", [6, 9, 30])
def test_a_model_that_is_wrong_at_one_length_is_not_kept(length: int) -> None:
    """What a slice gives at the very length of its stop is set to 0: nothing else tells."""
    text = (
        f"netspec: 1\ninputs: {{x: [T, 4]}}\nlayers:\n  a: {{type: slice, dim: 1, stop: 3}}\n"
        f"  p: {{type: positional_encoding, from: x, mode: learned, max_length: {length}}}\n"
        "outputs: {a: a, p: p}\n"
    )
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module)
    compare(graph, module, model.SerializeToString())
    table = next(t for t in model.graph.initializer if t.name == "p.weight")
    values = numpy_helper.to_array(table).copy()
    values[length - 1] = 0  # the last position is read at the greatest length alone
    table.CopyFrom(numpy_helper.from_array(values, table.name))
    with pytest.raises(NetspecError, match="differs from the PyTorch module"):
        compare(graph, module, model.SerializeToString())


def test_shapes_that_were_not_inferred_are_no_agreement() -> None:
    graph = netspec.load("netspec: 1\ninputs: {x: [T, 4]}\nlayers: {a: {type: slice, dim: 1, stop: 5}}\n")
    module, model = netspec.to_torch(graph), netspec.to_onnx(graph, netspec.to_torch(graph)).SerializeToString()
    graph.lengths = Lengths()  # as it was: every length from 1 on
    with pytest.raises(NetspecError, match="at least 5, received 1"):
        compare(graph, module, model)
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target is check_length:
            module.graph.erase_node(node)
    module.recompile()
    with pytest.raises(NetspecError, match=r"shape \(1, 1, 4\) in ONNX, \(1, 1, 4\) in PyTorch, and \(1, 5, 4\) was"):
        compare(graph, module, model)


def test_batches_are_those_that_were_tried() -> None:
    """Batch norm without running statistics has no variance of one sample."""
    text = "netspec: 1\ninputs: {x: [4]}\nlayers: {n: {type: batch_norm1d, track_running_stats: false}}\n"
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module).SerializeToString()
    assert compare(graph, module, model).batches == (2, 7)
    with pytest.raises(NetspecError, match="B >= 2: nothing was compared"):
        compare(graph, module, model, batches=(1,))
