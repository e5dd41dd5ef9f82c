"""Passes: what they may change, what they must leave alone, and that a wrong one is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import netspec
from netspec import NetspecError
from netspec.graph.model import Graph
from netspec.passes import inference
from netspec.passes.inference import for_inference

HEAD = "netspec: 1\ninputs: {x: [4, 9, 9]}\nlayers:\n"


def bound(text: str) -> tuple[Graph, torch.nn.Module]:
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    for _ in range(3):
        module(torch.randn(6, *next(iter(graph.inputs.values())).shape[1:]) * 2 + 1)
    module.eval()
    weights = {k: v.numpy() for k, v in module.state_dict().items()}
    return graph.rebuilt(list(graph.nodes()), dict(graph.outputs), weights), module


@pytest.mark.parametrize(
    "layers",
    [
        "  c: {type: conv2d, out_channels: 6, kernel_size: 3, groups: 2}\n  n: batch_norm2d\n",
        "  c: {type: conv2d, out_channels: 6, kernel_size: 3, bias: false}\n  n: {type: batch_norm2d, affine: false}\n",
        "  c: {type: conv_transpose2d, out_channels: 6, kernel_size: 3}\n  n: {type: batch_norm2d, eps: 0.1}\n",
    ],
)
def test_batch_norm_folds_into_the_convolution_before_it(layers: str) -> None:
    graph, module = bound(HEAD + layers)
    folded = for_inference(graph)
    assert [n.name for n in folded.layers()] == ["c"]
    assert folded["c"].origin == ("c", "n")
    x = torch.randn(3, 4, 9, 9)
    kind = module.c
    apply = torch.nn.functional.conv_transpose2d if "transpose" in layers else torch.nn.functional.conv2d
    weight, bias = (torch.from_numpy(np.asarray(folded.weights[f"c.{k}"])) for k in ("weight", "bias"))
    torch.testing.assert_close(apply(x, weight, bias, groups=kind.groups), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        "  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n  n: batch_norm2d\n  s: {type: add, from: [c, n]}\n",
        "  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n  n: batch_norm2d\n"
        "  d: {type: conv2d, out_channels: 4, kernel_size: 1, share: c}\n",
        "  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n  n: batch_norm2d\noutputs: {a: c, b: n}\n",
        "  c: relu\n  n: batch_norm2d\n",
        "  c: {type: conv_transpose2d, out_channels: 4, kernel_size: 3, groups: 2}\n  n: batch_norm2d\n",
    ],
)
def test_batch_norm_stays_where_the_product_is_read_or_shared(layers: str) -> None:
    graph, _ = bound(HEAD + layers)
    assert "n" in for_inference(graph)


def test_dropout_and_identities_are_gone_also_as_outputs() -> None:
    text = (
        HEAD + "  a: identity\n  b: {type: dropout, p: 0.3}\n  c: relu\n  d: {type: dropout2d}\noutputs: {y: d, z: b}\n"
    )
    graph, _ = bound(text)
    done = for_inference(graph)
    assert [n.name for n in done.layers()] == ["c"]
    assert {k: str(r) for k, r in done.outputs.items()} == {"y": "c", "z": "x"}


def test_layers_that_no_output_needs_are_gone() -> None:
    graph, _ = bound(
        HEAD + "  a: relu\n  b: {type: conv2d, from: x, out_channels: 2, kernel_size: 1}\noutputs: {y: a}\n"
    )
    assert [n.name for n in for_inference(graph).layers()] == ["a"]


def test_a_pass_that_leaves_a_wrong_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def shrink(graph: Graph) -> Graph:
        nodes = [replace(n, layer=replace(n.layer, out_channels=3)) if n.kind == "conv2d" else n for n in graph.nodes()]
        return graph.rebuilt(nodes, dict(graph.outputs), graph.weights)

    monkeypatch.setattr(inference, "INFERENCE_PASSES", (shrink,))
    graph, _ = bound(HEAD + "  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n")
    with pytest.raises(NetspecError, match="pass shrink left a wrong graph"):
        for_inference(graph)
