"""Keys that shape inference makes needless are those that torch's constructors ask for and the kinds do not have."""

from __future__ import annotations

import inspect

from torch import nn

import netspec
from netspec.layers import kinds
from netspec.layers.torch_names import INFERRED, explain_key
from netspec.source.records import fields_of
from tests.layers.test_contract import text_of


def required(module: type[nn.Module]) -> set[str]:
    parameters = inspect.signature(module).parameters.values()
    return {p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}


def test_every_parameter_of_torch_that_a_kind_infers_is_explained() -> None:
    inferred = required(nn.RNNBase) - {"mode", "hidden_size"}  # of all recurrent layers of torch: here `hidden`
    for name, kind in kinds().items():
        graph = netspec.load(text_of(name, kind.examples[0], "outputs: {out: it.0}\n" if name == "split" else ""))
        module = type(kind.torch_module(graph["it"].layer, *graph.input_types(graph["it"])))
        if module.__module__.startswith("torch.nn.") and module.__name__.lower() == name.replace("_", ""):
            inferred |= required(module) - set(fields_of(kind))
    assert inferred == INFERRED
    assert all(explain_key(key) for key in inferred) and not explain_key("out_features")
