"""What the comparison of an ONNX model with its module refuses to call agreement."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.backends.parity import compare
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
