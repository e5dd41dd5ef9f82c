"""Networks with weights, and what they compute: under onnxruntime as they stand, and in torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch

import netspec
from netspec.backends.onnx.model import emit_model
from netspec.backends.parity.inputs import random_inputs
from netspec.backends.parity.trials import trial_sizes
from netspec.graph.model import Graph
from netspec.passes.declare import Pass
from netspec.passes.inference import inference_passes, run

HEAD = "netspec: 1\ninputs: {x: [4, 9, 9]}\nlayers:\n"


def carrying(text: str) -> tuple[Graph, torch.nn.Module]:
    """A network after some steps of training, so that no statistic of a norm is 0 or 1."""
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    sizes = trial_sizes(graph)[0]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
        for _ in range(3):
            module(**{name: x * 2 + 1 if x.is_floating_point() else x
                      for name, x in random_inputs(graph, 6, sizes, generator).items()})  # fmt: skip
    module.eval()
    return graph.with_weights({name: value.numpy() for name, value in module.state_dict().items()}), module


def values_of(graph: Graph, inputs: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The outputs of a graph that carries its weights, no pass run."""
    session = onnxruntime.InferenceSession(emit_model(graph).SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(list(graph.outputs), {name: x.numpy() for name, x in inputs.items()})
    return dict(zip(graph.outputs, values, strict=True))


def prepared(graph: Graph, step: Pass) -> Graph:
    """The graph as the pass gets it: behind all that run before it."""
    passes = inference_passes()
    return run(passes[: passes.index(step)], graph)


def same_values(before: Graph, after: Graph) -> None:
    """Both compute the same on random inputs, at two lengths of every named axis."""
    generator = torch.Generator().manual_seed(1)
    for sizes in trial_sizes(before)[:2]:
        inputs = random_inputs(before, 3, sizes, generator)
        expected, received = values_of(before, inputs), values_of(after, inputs)
        assert list(expected) == list(received)
        for name, y in expected.items():
            scale = max(1.0, float(np.abs(y[np.isfinite(y)]).max(initial=0.0)))
            np.testing.assert_allclose(received[name], y, atol=2e-5 * scale, rtol=2e-5)
