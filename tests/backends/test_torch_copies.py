"""Modules of equal layers are copies of the first; nobody can tell them from what torch's constructor makes."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch import nn

import netspec
from netspec.backends.torch.copies import LayerModules
from netspec.layers.base import Layer
from netspec.shapes.tensor import TensorType
from tests.layers.test_contract import EXAMPLES, text_of


def layer_of(case: str) -> tuple[Layer, tuple[TensorType, ...]]:
    name, example = EXAMPLES[case]
    graph = netspec.load(text_of(name, example, "outputs: {out: it.0}\n" if name == "split" else ""))
    node = graph["it"]
    return node.layer, graph.input_types(node)


def tensors(value: Any) -> list[Any]:
    """Every tensor that an attribute holds, however deep."""
    if isinstance(value, weakref.ref):
        value = value()
    if isinstance(value, (list, tuple, set, dict)):
        return [t for item in (value.values() if isinstance(value, dict) else value) for t in tensors(item)]
    return [value] if isinstance(value, torch.Tensor) else []


@pytest.mark.parametrize("case", EXAMPLES)
def test_the_second_module_of_equal_layers_is_as_its_constructor_makes_it(case: str) -> None:
    layer, types = layer_of(case)
    torch.manual_seed(0)
    made = LayerModules()
    first, second = made.make(layer, types), made.make(layer, types)
    torch.manual_seed(0)
    plain_first, plain = layer.torch_module(*types), layer.torch_module(*types)
    assert (first is None) == (second is None) == (plain is None)
    if first is None or second is None or plain is None or plain_first is None:
        return
    assert type(second) is type(plain)
    assert list(second.__dict__) == list(plain.__dict__)
    for copied, constructed in ((first, plain_first), (second, plain)):
        ours, theirs = copied.state_dict(), constructed.state_dict()
        assert list(ours) == list(theirs)
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=0, atol=0, equal_nan=True, msg=key)
    assert repr(second) == repr(plain)
    shared = {id(t) for t in tensors(first.__dict__)} & {id(t) for t in tensors(second.__dict__)}
    assert not shared
    for key, value in second.__dict__.items():
        if isinstance(value, (dict, list, set)):
            assert value is not first.__dict__[key], key


def test_a_network_has_the_weights_that_constructors_draw_one_after_the_other() -> None:
    text = "netspec: 1\ninputs: {x: [8]}\nlayers:\n  stack: {type: linear, out_features: 8, repeat: 3}\n"
    module = netspec.to_torch(netspec.load(text), seed=7)
    torch.manual_seed(7)
    layers = [nn.Linear(8, 8) for _ in range(3)]
    for i, layer in enumerate(layers):
        assert torch.equal(module.get_parameter(f"stack.{i}.weight"), layer.weight)
        assert torch.equal(module.get_parameter(f"stack.{i}.bias"), layer.bias)
