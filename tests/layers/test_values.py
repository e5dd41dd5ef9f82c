"""What the layer kinds compute, against formulas in NumPy and the papers' own."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from math import erf

import numpy as np
import onnxruntime
import pytest
import torch
from networks import one_layer

import netspec
from netspec.layers import kinds
from netspec.layers.activation import ActivationLayer

Formula = Callable[[np.ndarray], np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normal(x: np.ndarray) -> np.ndarray:
    return np.array([(1 + erf(v / math.sqrt(2))) / 2 for v in x])


ACTIVATIONS: dict[tuple[str, str], Formula] = {
    ("relu", ""): lambda x: np.maximum(x, 0),
    ("relu6", ""): lambda x: np.clip(x, 0, 6),
    ("sigmoid", ""): sigmoid,
    ("tanh", ""): np.tanh,
    ("hard_tanh", ""): lambda x: np.clip(x, -1, 1),
    ("hard_tanh", "min_val: -2, max_val: 0.5"): lambda x: np.clip(x, -2, 0.5),
    ("softplus", ""): lambda x: np.log1p(np.exp(x)),
    ("softplus", "beta: 2, threshold: 1"): lambda x: np.where(2 * x > 1, x, np.log1p(np.exp(2 * x)) / 2),
    ("leaky_relu", ""): lambda x: np.where(x > 0, x, 0.01 * x),
    ("leaky_relu", "negative_slope: 0.3"): lambda x: np.where(x > 0, x, 0.3 * x),
    ("prelu", ""): lambda x: np.where(x > 0, x, 0.25 * x),
    ("elu", "alpha: 0.5"): lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)),
    ("celu", "alpha: 0.5"): lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5)),
    ("selu", ""): lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    ("gelu", ""): lambda x: x * normal(x),
    ("gelu", "approximate: tanh"): lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ("silu", ""): lambda x: x * sigmoid(x),
    ("mish", ""): lambda x: x * np.tanh(np.log1p(np.exp(x))),
    ("hard_sigmoid", ""): lambda x: np.clip(x / 6 + 0.5, 0, 1),
    ("hard_swish", ""): lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    ("softsign", ""): lambda x: x / (1 + np.abs(x)),
    ("log_sigmoid", ""): lambda x: -np.log1p(np.exp(-x)),
}


@pytest.mark.parametrize(("kind", "fields"), ACTIVATIONS)
def test_activation_is_its_formula(kind: str, fields: str) -> None:
    """Value against NumPy in float64, gradient against central differences of the formula (off the kinks)."""
    formula = ACTIVATIONS[kind, fields]
    x = np.linspace(-7.013, 7.011, 200)
    _, module = one_layer(kind, fields, "[200]")
    given = torch.tensor(x[None], requires_grad=True)
    y = module.double()(given)
    y.sum().backward()
    assert given.grad is not None
    np.testing.assert_allclose(y.detach().numpy()[0], formula(x), rtol=1e-9, atol=1e-12)
    step = 1e-5
    slope = (formula(x + step) - formula(x - step)) / (2 * step)
    np.testing.assert_allclose(given.grad.numpy()[0], slope, rtol=1e-5, atol=1e-7)


def test_every_plain_activation_has_a_formula_here() -> None:
    plain = {name for name, cls in kinds().items() if issubclass(cls, ActivationLayer)}
    assert plain <= {kind for kind, _ in ACTIVATIONS}


@pytest.mark.parametrize("kind", [name for name, cls in kinds().items() if issubclass(cls, ActivationLayer)])
def test_activation_saturates_alike_in_onnx(kind: str) -> None:
    """No infinity and no NaN where torch has none, far out as well."""
    graph, module = one_layer(kind, "", "[8]")
    x = torch.tensor([[-1e4, -100, -20, -0.0, 0.0, 20, 100, 1e4]])
    model = netspec.to_onnx(graph, module).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    [received] = session.run(None, {"a": x.numpy()})
    assert np.isfinite(received).all()
    np.testing.assert_allclose(received, module(x).numpy(), rtol=1e-5, atol=1e-6)


def standardized(x: np.ndarray, axes: tuple[int, ...], eps: float = 1e-5) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def positions(x: np.ndarray) -> np.ndarray:
    out = x.copy()
    for t in range(x.shape[1]):
        for i in range(0, x.shape[2], 2):
            out[:, t, i] += math.sin(t / 10000 ** (i / x.shape[2]))
            out[:, t, i + 1] += math.cos(t / 10000 ** (i / x.shape[2]))
    return out


# kind, fields, shape behind the batch, formula
FORMULAS: list[tuple[str, str, str, Formula]] = [
    ("softmax", "dim: 1", "[4, 3]", lambda x: softmax(x, 1)),
    ("log_softmax", "", "[4, 3]", lambda x: np.log(softmax(x, -1))),
    ("glu", "dim: 1", "[4, 3]", lambda x: x[:, :2] * sigmoid(x[:, 2:])),
    ("layer_norm", "num_axes: 2", "[4, 3]", lambda x: standardized(x, (1, 2))),
    ("rms_norm", "eps: 0.01", "[4, 3]", lambda x: x / np.sqrt((x**2).mean(-1, keepdims=True) + 0.01)),
    ("group_norm", "num_groups: 2", "[4, 3]", lambda x: standardized(x.reshape(2, 2, 6), (2,)).reshape(2, 4, 3)),
    ("instance_norm1d", "", "[4, 3]", lambda x: standardized(x, (2,))),
    ("batch_norm1d", "track_running_stats: false", "[4, 3]", lambda x: standardized(x, (0, 2))),
    ("batch_norm1d", "eps: 3", "[4, 3]", lambda x: x / 2),  # mean 0 and variance 1 before any training
    ("dropout", "p: 0.9", "[4, 3]", lambda x: x),
    ("alpha_dropout", "", "[4, 3]", lambda x: x),
    ("positional_encoding", "", "[5, 4]", positions),
    ("flatten", "", "[4, 3]", lambda x: x.reshape(2, 12)),
    ("permute", "dims: [0, 2, 1]", "[4, 3]", lambda x: x.transpose(0, 2, 1)),
    ("reshape", "shape: [-1, 2]", "[4, 3]", lambda x: x.reshape(2, 6, 2)),
    ("slice", "dim: 1, start: -3, step: 2", "[4, 3]", lambda x: x[:, -3::2]),
    ("pad", "padding: [1, 2, 0, 3], value: 5", "[4, 3]",
     lambda x: np.pad(x, ((0, 0), (0, 3), (1, 2)), constant_values=5)),
    ("pad", "padding: [2, 1], mode: reflect", "[4, 3]", lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "reflect")),
    ("pad", "padding: [2, 1], mode: replicate", "[4, 3]", lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "edge")),
    ("pad", "padding: [2, 1], mode: circular", "[4, 3]", lambda x: np.pad(x, ((0, 0), (0, 0), (2, 1)), "wrap")),
    ("upsample", "scale_factor: 3", "[4, 3]", lambda x: x.repeat(3, axis=2)),
    ("upsample", "size: 5, mode: linear, align_corners: true", "[4, 3]",
     lambda x: np.apply_along_axis(lambda v: np.interp(np.linspace(0, 2, 5), np.arange(3), v), 2, x)),
    ("global_avg_pool1d", "", "[4, 3]", lambda x: x.mean(2)),
    ("global_max_pool1d", "", "[4, 3]", lambda x: x.max(2)),
    ("mean", "dim: [1, 2], keepdim: true", "[4, 3]", lambda x: x.mean((1, 2), keepdims=True)),
    ("max", "dim: 2", "[4, 3]", lambda x: x.max(2)),
    ("sum", "dim: 1", "[4, 3]", lambda x: x.sum(1)),
    ("adaptive_avg_pool1d", "output_size: 2", "[4, 3]",
     lambda x: np.stack([x[..., :2].mean(-1), x[..., 1:].mean(-1)], -1)),
    ("adaptive_max_pool1d", "output_size: 2", "[4, 3]",
     lambda x: np.stack([x[..., :2].max(-1), x[..., 1:].max(-1)], -1)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "shape", "formula"), FORMULAS, ids=[f"{k}({f})" for k, f, _, _ in FORMULAS])
def test_layer_is_its_formula(kind: str, fields: str, shape: str, formula: Formula) -> None:
    graph, module = one_layer(kind, fields, shape)
    x = np.random.default_rng(0).normal(size=(2, *graph.inputs["a"].shape[1:]))
    y = module.double()(torch.tensor(x)).numpy(force=True)
    np.testing.assert_allclose(y, formula(x), rtol=1e-6, atol=1e-7)


def test_maxout_is_the_largest_of_its_pieces() -> None:
    _, module = one_layer("maxout", "out_features: 2, pieces: 3", "[4]")
    x = torch.randn(5, 4)
    weight, bias = module.state_dict()["it.weight"], module.state_dict()["it.bias"]
    rows = [torch.stack([x @ weight[3 * j + k] + bias[3 * j + k] for k in range(3)]).amax(0) for j in range(2)]
    torch.testing.assert_close(module(x), torch.stack(rows, 1))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_papers_formula(causal: bool) -> None:
    """Queries, memory and a mask whose True is ignored; head by head."""
    graph = netspec.load(
        "netspec: 1\ninputs: {q: [3, 4], m: [5, 6], pad: {shape: [5], dtype: bool}}\nlayers:\n"
        f"  it: {{type: multi_head_attention, num_heads: 2, causal: {str(causal).lower()}, "
        "from: {query: q, key: m, mask: pad}}\n"
    )
    module = netspec.to_torch(graph).eval().double()
    q, m = torch.randn(2, 3, 4).double(), torch.randn(2, 5, 6).double()
    pad = torch.tensor([[False, True, False, False, True], [False, False, False, True, True]])
    w = {name.removeprefix("it."): value for name, value in module.state_dict().items()}
    bias = w["in_proj_bias"].split(4)
    query, key, value = (x @ w[f"{n}_proj_weight"].T + b for n, x, b in zip("qkv", (q, m, m), bias, strict=True))
    heads = []
    for h in (slice(0, 2), slice(2, 4)):
        scores = query[..., h] @ key[..., h].transpose(1, 2) / math.sqrt(2)
        scores = scores.masked_fill(pad[:, None], -math.inf)
        if causal:
            scores = scores.masked_fill(torch.arange(5)[None] > torch.arange(3)[:, None], -math.inf)
        heads.append(scores.softmax(-1) @ value[..., h])
    expected = torch.cat(heads, -1) @ w["out_proj.weight"].T + w["out_proj.bias"]
    torch.testing.assert_close(module(q, m, pad), expected)


def test_causal_convolution_sees_nothing_of_what_comes_later() -> None:
    _, module = one_layer("conv1d", "out_channels: 2, kernel_size: 3, dilation: 2, padding: causal", "[1, 9]")
    x = torch.randn(1, 1, 9, requires_grad=True)
    [grad] = torch.autograd.grad(module(x)[0, :, 4].sum(), x)
    assert grad[0, 0].nonzero().flatten().tolist() == [0, 2, 4]


@pytest.mark.parametrize("kind", ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"])
def test_dropout_keeps_the_mean_while_training(kind: str) -> None:
    rank = int(kind[-2]) if kind[-1] == "d" else 0
    _, module = one_layer(kind, "p: 0.25", str([400, *[2] * rank]))
    torch.manual_seed(0)
    y = module.train()(torch.ones(50, 400, *[2] * rank))
    flat = y.reshape(50, 400, -1)
    assert (flat == flat[..., :1]).all()  # a channel stays or goes as a whole
    if kind == "alpha_dropout":
        assert abs(float(module(torch.randn(50, 400)).std()) - 1) < 0.02
    else:
        assert abs(float(y.mean()) - 1) < 0.02
        assert sorted(y.unique().tolist()) == pytest.approx([0, 4 / 3])


def test_lerp_goes_from_start_to_end() -> None:
    graph = netspec.load(
        "netspec: 1\ninputs: {s: [3], e: [3], w: [1]}\nlayers:\n"
        "  it: {type: lerp, from: {weight: w, end: e, start: s}}\n"
    )
    s, e, w = torch.randn(4, 3), torch.randn(4, 3), torch.rand(4, 1)
    torch.testing.assert_close(netspec.to_torch(graph)(s, e, w), s * (1 - w) + e * w)


def test_embedding_padding_row_is_zero() -> None:
    _, module = one_layer(
        "embedding", "num_embeddings: 4, embedding_dim: 3, padding_idx: -2", "{shape: [4], dtype: int64}"
    )
    y = module(torch.arange(4)[None])[0]
    assert (y[2] == 0).all()
    assert (y[[0, 1, 3]] != 0).all()


EMBEDDED = """
netspec: 1
inputs: {x: {shape: [T], dtype: int64}, z: {shape: [T], dtype: int64}}
layers:
  it: {type: embedding, num_embeddings: 4, embedding_dim: 3, padding_idx: -2, from: x%s}
  other: {type: embedding, num_embeddings: 4, embedding_dim: 3, from: z, %s}
  both: {type: add, from: [it, other]}
  head: {type: linear, out_features: 4, bias: false, %s}
"""


@pytest.mark.parametrize("init", ["ones", "{type: normal, mean: 3}", "0.5", "he"])
@pytest.mark.parametrize(("other", "head"), [
    ("init: ones", "init: ones"), ("init: ones", "share: it"), ("share: it", "share: it"),
    ("{share: it, padding_idx: 0}"[1:-1], "init: ones"),
])  # fmt: skip
def test_embedding_padding_row_stays_zero(init: str, other: str, head: str) -> None:
    """After `init`, after sharing, after training, in copies, and where it is loaded with another around it."""
    graph = netspec.load(EMBEDDED % (f", init: {init}", other, head))
    first = netspec.to_torch(graph)
    rows = [2, 0] if "padding_idx" in other else [2]
    whole = torch.nn.Sequential(copy.deepcopy(first))
    whole.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()}, assign=True)
    for module in (first, copy.deepcopy(first), pickle.loads(pickle.dumps(first)), whole[0]):
        table = module.get_parameter("it.weight")
        assert (table[rows] == 0).all() and (table[[1, 3]] != 0).all()
        before = table.detach().clone()
        optimizer = torch.optim.AdamW(module.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            x = torch.arange(4)[None]
            (module(x, x) - 1).square().sum().backward()
            optimizer.step()
        assert (table[rows] == 0).all() and (table[[1, 3]] != before[[1, 3]]).all()


def test_a_shared_embedding_that_is_frozen() -> None:
    module = netspec.to_torch(netspec.load(EMBEDDED % (", freeze: true", "init: ones", "share: it")))
    assert not copy.deepcopy(module).get_parameter("it.weight")[2].any()


@pytest.mark.parametrize("features", [6, 64, 512])
def test_positions_far_from_the_beginning_are_the_same_in_onnx(features: int) -> None:
    """A rate that is rounded otherwise is seen after some thousand steps."""
    graph, module = one_layer("positional_encoding", "", f"[T, {features}]")
    session = onnxruntime.InferenceSession(netspec.to_onnx(graph, module).SerializeToString())
    x = torch.zeros(1, 20_000, features)
    [ours] = session.run(None, {next(iter(graph.inputs)): x.numpy()})
    np.testing.assert_allclose(ours, module(x).numpy(), atol=2e-6)
    t, i = np.arange(20_000)[:, None], np.arange(0, features, 2)
    angle = t * np.exp(-i * math.log(10_000) / features)
    exact = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(1, -1, features)
    np.testing.assert_allclose(ours, exact, atol=20_000 * 1.2e-7)
