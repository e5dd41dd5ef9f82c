"""Batch norm folded into the product before it, and where it stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call

import netspec
from netspec.backends.parity.inputs import random_inputs
from netspec.backends.parity.trials import trial_sizes
from netspec.graph.model import Node
from netspec.layers import kinds
from netspec.passes.fold_batch_norm import fold_batch_norm
from netspec.passes.inference import for_inference
from netspec.source.records import fields_of
from tests.layers.test_contract import text_of
from tests.passes.carrying import HEAD, carrying, same_values

FOLDED = {
    "groups": "  c: {type: conv2d, out_channels: 6, kernel_size: 3, groups: 2}\n  n: batch_norm2d\n",
    "no_bias": "  c: {type: conv2d, out_channels: 6, kernel_size: 3, bias: false}\n"
    "  n: {type: batch_norm2d, affine: false}\n",
    "transposed": "  c: {type: conv_transpose2d, out_channels: 6, kernel_size: 3}\n"
    "  n: {type: batch_norm2d, eps: 0.1}\n",
}


@pytest.mark.parametrize("case", FOLDED)
def test_it_folds_into_the_convolution_before_it(case: str) -> None:
    graph, module = carrying(HEAD + FOLDED[case])
    folded = for_inference(graph)
    assert [n.name for n in folded.layers()] == ["c"]
    assert folded["c"].origin == ("c", "n")
    x = torch.randn(3, 4, 9, 9)
    apply = torch.nn.functional.conv_transpose2d if case == "transposed" else torch.nn.functional.conv2d
    weight, bias = (torch.from_numpy(np.asarray(folded.weights[f"c.{k}"])) for k in ("weight", "bias"))
    torch.testing.assert_close(apply(x, weight, bias, groups=module.c.groups), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", FOLDED)
def test_values(case: str) -> None:
    graph, _ = carrying(HEAD + FOLDED[case] + "  more: {type: conv2d, out_channels: 2, kernel_size: 1}\n")
    after = fold_batch_norm(graph)
    assert "n" not in after
    same_values(graph, after)


def test_it_folds_into_a_linear_layer_over_vectors() -> None:
    text = (
        "netspec: 1\ninputs: {x: [5]}\nlayers:\n  a: {type: linear, out_features: 3}\n  n: batch_norm1d\n"
        "  b: {type: linear, out_features: 2}\n  m: batch_norm1d\n"
    )
    graph, _ = carrying(text)
    after = fold_batch_norm(graph)
    assert [n.name for n in after.layers()] == ["a", "b"]
    assert after.weights.keys() == {"a.weight", "a.bias", "b.weight", "b.bias"}
    same_values(graph, after)


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
def test_it_stays_where_the_product_is_read_or_shared(layers: str) -> None:
    graph, _ = carrying(HEAD + layers)
    assert "n" in for_inference(graph)


def test_it_folds_kinds_that_it_does_not_know() -> None:
    """What a kind declares is enough: a convolution and a norm under names of their own."""
    graph, _ = carrying(HEAD + "  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n  n: batch_norm2d\n")

    def renamed(node: Node) -> Node:
        kind = type("Mine", (type(node.layer),), {"kind": f"my_{node.kind}"})
        return replace(node, layer=kind(**vars(node.layer))) if node.name in ("c", "n") else node

    after = fold_batch_norm(graph.rebuilt([renamed(n) for n in graph.nodes()], graph.outputs, graph.weights))
    assert [n.name for n in after.layers()] == ["c"]


def test_every_kind_into_which_a_batch_norm_folds_declares_its_channel_axis() -> None:
    """A product of one input that `weight` and `bias` negate (those of a maxout do not), for one example at least."""
    generator = torch.Generator().manual_seed(0)
    for name, kind in kinds().items():
        if not kind.weighted or kind.arity != (1, 1) or "bias" not in fields_of(kind):
            continue
        negates, declares = False, False
        for example in kind.examples:
            graph = netspec.load(text_of(name, example))
            node, module = graph["it"], netspec.to_torch(graph).eval()
            inputs = random_inputs(graph, 2, trial_sizes(graph)[0], generator)
            weights = dict(module.named_parameters())
            opposite = functional_call(module, {key: -value for key, value in weights.items()}, (), inputs)
            negates |= bool(weights) and torch.equal(opposite, -module(**inputs))
            axis = node.layer.channel_axis(tuple(node.outputs.values()))
            if axis is not None:
                declares = True
                assert graph.weights_of(node)["weight"].shape[axis] == node.type.shape[1], (name, example)
        assert declares == negates, name
