"""Attention where a mask, with `causal` or without, hides every key from a query: 0 before the last matrix."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime
import pytest
import torch

import netspec
from netspec.backends.onnx.model import to_onnx
from netspec.backends.parity.compare import compare
from netspec.backends.parity.inputs import random_inputs

HIDDEN = {  # True is not seen; without steps, left, right, in between, all there
    "mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]]).bool()
}
WIRINGS = {"self": "{query: x, mask: mask}", "memory": "{query: x, key: y, mask: mask}",
           "value": "{query: x, key: y, value: z, mask: mask}"}  # fmt: skip
each = pytest.mark.parametrize(("heads", "causal", "bias", "wiring"), [
    (2, False, True, "self"), (2, True, True, "self"), (1, True, True, "self"), (2, True, False, "self"),
    (2, False, True, "memory"), (4, True, True, "memory"), (2, True, True, "value"),
])  # fmt: skip


def network(heads: int, causal: bool, bias: bool, wiring: str) -> tuple[netspec.Graph, torch.nn.Module]:
    fields = f"num_heads: {heads}, causal: {str(causal).lower()}, bias: {str(bias).lower()}, from: {WIRINGS[wiring]}"
    more = ", y: [T, 4], z: [T, 4]" if wiring == "value" else ", y: [T, 4]" if wiring == "memory" else ""
    graph = netspec.load(
        f"netspec: 1\ninputs: {{x: [T, 4]{more}, mask: {{shape: [T], dtype: bool}}}}\n"
        f"layers:\n  it: {{type: multi_head_attention, {fields}}}\n"
    )
    module = netspec.to_torch(graph)
    with torch.no_grad():
        for parameter in module.parameters():  # torch's biases begin at 0
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    return graph, module


def inputs_of(graph: netspec.Graph) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {name: torch.randn(5, 5, 4, generator=generator) for name in graph.inputs if name != "mask"} | HIDDEN


def formula(module: torch.nn.Module, inputs: dict[str, torch.Tensor], heads: int, causal: bool) -> np.ndarray:
    """The paper's, head by head and query by query, in float64; a query without a key has weights 0."""
    w = {name.removeprefix("it."): value.double().numpy() for name, value in module.state_dict().items()}
    x, y, z = (inputs.get(n, inputs.get(m, inputs["x"])).double().numpy() for n, m in ("xx", "yx", "zy"))
    matrices = np.split(w["in_proj_weight"], 3)
    biases = np.split(w.get("in_proj_bias", np.zeros(12)), 3)
    q, k, v = (a @ m.T + b for a, m, b in zip((x, y, z), matrices, biases, strict=True))
    mixed, width = np.zeros_like(q), 4 // heads
    for b in range(5):
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            for t in range(5):
                seen = [s for s in range(5) if not inputs["mask"][b, s] and not (causal and s > t)]
                if seen:
                    score = np.exp(k[b, seen, part] @ q[b, t, part] / math.sqrt(width))
                    mixed[b, t, part] = score @ v[b, seen, part] / score.sum()
    return mixed @ w["out_proj.weight"].T + w.get("out_proj.bias", np.zeros(4))


@each
def test_training_inference_and_onnx_are_the_formula(heads: int, causal: bool, bias: bool, wiring: str) -> None:
    graph, module = network(heads, causal, bias, wiring)
    inputs = inputs_of(graph)
    expected = formula(module, inputs, heads, causal)
    given = [module.train()(**inputs), module.eval()(**inputs)]
    with torch.no_grad():
        given += [module.eval()(**inputs), module.train()(**inputs)]
    with torch.inference_mode():
        given.append(module.eval()(**inputs))
    session = onnxruntime.InferenceSession(to_onnx(graph, module).SerializeToString())
    [ours] = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    for y in [*(y.detach().numpy() for y in given), ours]:
        np.testing.assert_allclose(y, expected, rtol=2e-5, atol=2e-5)


@each
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_finite(heads: int, causal: bool, bias: bool, wiring: str, training: bool) -> None:
    graph, module = network(heads, causal, bias, wiring)
    inputs = inputs_of(graph)
    leaves = [value.requires_grad_() for value in inputs.values() if value.is_floating_point()]
    y = module.train(training)(**inputs)
    grads = torch.autograd.grad((y * y).sum(), [*leaves, *module.parameters()])
    assert all(bool(g.isfinite().all()) for g in grads)
    # What nobody sees, nobody is answerable for: of the sample that is hidden whole, keys and values.
    if wiring != "self":
        assert not grads[1][0].any()


def test_a_second_layer_is_not_reached() -> None:
    """Steps that are there are what they are without the padding, two layers deep, on either side of it."""
    att = "{type: multi_head_attention, num_heads: 2, causal: true, from: {query: %s, mask: pad}}"
    graph = netspec.load(
        "netspec: 1\ninputs: {x: [T, 8], pad: {shape: [T], dtype: bool}}\nlayers:\n"
        f"  a: {att % 'x'}\n  n: layer_norm\n  b: {att % 'n'}\n"
    )
    module = netspec.to_torch(graph).eval()
    x = torch.randn(2, 6, 8)
    pad = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).bool()
    with torch.no_grad():
        y = module(x, pad)
        for row, there in ((0, slice(3, 6)), (1, slice(0, 3))):
            alone = module(x[row : row + 1, there], pad[row : row + 1, there])
            torch.testing.assert_close(y[row : row + 1, there], alone)
    assert compare(graph, module, to_onnx(graph, module).SerializeToString()).error < 1e-5


def test_the_comparison_hides_whole_rows_and_their_ends() -> None:
    graph, _ = network(2, True, True, "self")
    for batch in (1, 2, 7):
        drawn = [random_inputs(graph, batch, {"T": 6}, torch.Generator().manual_seed(seed))["mask"]
                 for seed in range(40)]  # fmt: skip
        rows = torch.cat(drawn)
        assert bool(rows.all(1).any()) and bool((~rows).all(1).any())
        assert bool((rows[:, 0] & ~rows[:, -1]).any()) and bool((rows[:, -1] & ~rows[:, 0]).any())
