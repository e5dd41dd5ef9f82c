"""Output sizes of the layer kinds against torch's, for every length, and their FLOPs against hand counts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from networks import layer, one_layer

import netspec
from netspec.graph.cost import flops_of
from netspec.shapes.dim import at, symbol
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.errors import NetspecError

T = symbol("T")

SWEEPS: list[tuple[str, dict[str, list[Any]]]] = [
    ("conv1d", {"out_channels": [1], "kernel_size": [1, 3], "stride": [1, 2, 3], "padding": [0, 2],
                "dilation": [1, 2]}),
    ("conv1d", {"out_channels": [1], "kernel_size": [1, 2, 3], "dilation": [1, 2],
                "padding": ["same", "causal", "valid"]}),
    ("conv_transpose1d", {"out_channels": [1], "kernel_size": [1, 3], "stride": [1, 3], "padding": [0, 1],
                          "output_padding": [0, 1], "dilation": [1, 2]}),
    ("max_pool1d", {"kernel_size": [1, 2, 3], "stride": [1, 2, 4], "padding": [0, 1], "dilation": [1, 2],
                    "ceil_mode": ["true", "false"]}),
    ("avg_pool1d", {"kernel_size": [1, 2, 3], "stride": [1, 2, 4], "padding": [0, 1], "ceil_mode": ["true", "false"],
                    "count_include_pad": ["true", "false"]}),
    ("adaptive_avg_pool1d", {"output_size": [1, 2, 5]}),
    ("upsample", {"scale_factor": [0.5, 1.5, 2, 3]}),
    ("slice", {"dim": [2], "start": [0, 1, -2], "stop": ["null", -1, 3], "step": [1, 2]}),
]  # fmt: skip


def settings() -> list[tuple[str, str]]:
    return [
        (kind, ", ".join(f"{key}: {value}" for key, value in zip(choices, row, strict=True)))
        for kind, choices in SWEEPS
        for row in itertools.product(*choices.values())
    ]


def refused(module: torch.nn.Module, x: torch.Tensor) -> bool:
    try:
        module(x)
    except NetspecError:
        return True
    return False


@pytest.mark.parametrize("kind", dict.fromkeys(kind for kind, _ in SWEEPS))
def test_sizes_are_torchs_for_every_length(kind: str) -> None:
    """With the number known, and with T in its place and the number put in after; a refusal where torch refuses.

    One ONNX model gives the same values for every length.
    """
    compared = 0
    for name, fields in settings():
        if name != kind:
            continue
        rule = layer(kind, fields)
        try:
            symbolic = rule.infer(TensorType((BATCH, 1, T))).shape[2]
            graph, module = one_layer(kind, fields, "[1, T]")
        except NetspecError:
            with pytest.raises(NetspecError):
                rule.infer(TensorType((BATCH, 1, 9)))
            continue
        model = netspec.to_onnx(graph, module).SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        for length in range(1, 12):
            x = torch.rand(2, 1, length)
            try:
                size: Any = rule.infer(TensorType((BATCH, 1, length))).shape[2]
            except NetspecError:
                assert refused(module, x)
                continue
            y = module(x).numpy(force=True)
            assert size == y.shape[2], (fields, length)
            assert size == at(symbolic, {"T": length}), (fields, length)
            if np.isfinite(y).all():  # a dilated window may hold nothing but padding: torch has no value for it
                np.testing.assert_allclose(session.run(None, {"a": x.numpy()})[0], y, rtol=1e-5, atol=1e-6)
            compared += 1
    assert compared > 20


FLOPS: list[tuple[str, str, tuple[str, ...], str]] = [
    ("linear", "out_features: 5", ("[4]",), str(4 * 5)),
    ("linear", "out_features: 5", ("[T, 4]",), "20*T"),
    ("bilinear", "out_features: 5", ("[3]", "[4]"), str(5 * (3 * 4 + 4))),
    ("conv1d", "out_channels: 8, kernel_size: 3, stride: 2, padding: 1", ("[4, T]",), "96*((T + 1)//2)"),
    ("conv2d", "out_channels: 8, kernel_size: 3, padding: 1", ("[4, 6, 5]",), str(6 * 5 * 8 * 4 * 9)),
    ("conv2d", "out_channels: 8, kernel_size: 3, groups: 4", ("[4, 6, 5]",), str(4 * 3 * 8 * 1 * 9)),
    ("conv3d", "out_channels: 2, kernel_size: [1, 2, 3]", ("[4, 3, 3, 3]",), str(3 * 2 * 1 * 2 * 4 * 6)),
    ("conv_transpose2d", "out_channels: 8, kernel_size: 2, stride: 2", ("[4, 6, 5]",), str(6 * 5 * 4 * 8 * 4)),
    ("maxout", "out_features: 5, pieces: 3", ("[4]",), str(4 * 15)),
    ("multi_head_attention", "num_heads: 2", ("[7, 4]",), str(4 * 7 * 16 + 2 * 7 * 7 * 4)),
    ("multi_head_attention", "num_heads: 2", ("[3, 4]", "[5, 6]"), str(2 * 3 * 16 + 2 * 5 * 6 * 4 + 2 * 3 * 5 * 4)),
    ("multi_head_attention", "num_heads: 2", ("[T, 4]",), "8*T*T + 64*T"),
    ("max_pool2d", "kernel_size: 2", ("[4, 6, 6]",), "0"),
    ("batch_norm2d", "", ("[4, 6, 6]",), "0"),
    ("embedding", "num_embeddings: 9, embedding_dim: 4", ("{shape: [6], dtype: int64}",), "0"),
]


@pytest.mark.parametrize(("kind", "fields", "shapes", "flops"), FLOPS)
def test_flops_are_the_hand_count(kind: str, fields: str, shapes: tuple[str, ...], flops: str) -> None:
    graph, _ = one_layer(kind, fields, *shapes)
    assert str(flops_of(graph, graph["it"])) == flops
