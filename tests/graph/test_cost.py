"""FLOPs: what is counted and what is not, against torch's own counter and published tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import netspec
from netspec.graph.cost import total

ARCHITECTURES = Path(__file__).parents[2] / "architectures"

# Attention of one head by products and sums: scores (T, S), weights over S, values (T, D).
ATTENTION = """netspec: 1
inputs: {{q: [{t}, 8], k: [{s}, 8], v: [{s}, 6]}}
layers:
  q1: {{type: reshape, shape: [{t}, 1, 8], from: q}}
  k1: {{type: reshape, shape: [1, {s}, 8], from: k}}
  qk: {{type: multiply, from: [q1, k1]}}
  scores: {{type: sum, dim: 3}}
  weights: softmax
  w1: {{type: reshape, shape: [{t}, {s}, 1]}}
  v1: {{type: reshape, shape: [1, {s}, 6], from: v}}
  wv: {{type: multiply, from: [w1, v1]}}
  mixed: {{type: sum, dim: 2}}
"""


def flops(text: str) -> object:
    return total(netspec.load(text)).flops


@pytest.mark.parametrize(("t", "s"), [(5, 7), (1, 7), (5, 1), (1, 1)])
def test_attention_written_out_costs_what_torch_counts(t: int, s: int) -> None:
    q, k, v = torch.randn(1, t, 8), torch.randn(1, s, 8), torch.randn(1, s, 6)
    with FlopCounterMode(display=False) as counter:
        expected = torch.bmm(torch.bmm(q, k.mT).softmax(-1), v)
    graph = netspec.load(ATTENTION.format(t=t, s=s))
    assert 2 * total(graph).flops == counter.get_total_flops() > 0  # torch counts a multiply-add as two
    torch.testing.assert_close(netspec.to_torch(graph)(q, k, v), expected)


def test_attention_over_symbolic_axes_and_its_budget() -> None:
    assert str(flops(ATTENTION.format(t="T", s="S"))) == "14*S*T"
    with pytest.raises(netspec.NetspecError, match="NS404 over budget: 490 FLOPs, the budget is 400"):
        netspec.load(ATTENTION.format(t=5, s=7) + "budget: {flops: 400}\n")
    netspec.load(ATTENTION.format(t=5, s=7) + "budget: {flops: 490}\n")


SUMMED = {
    "a dot product": ("m: {type: multiply, from: [x, y]}\n  s: {type: sum, dim: -1}", 12),
    "of three": ("m: {type: multiply, from: [x, y, x]}\n  s: {type: sum, dim: -1}", 24),
    "pooling by attention": ("m: {type: multiply, from: [x, w]}\n  s: {type: mean, dim: 1}", 12),
    "in another shape": (
        "m: {type: multiply, from: [x, w]}\n  d: {type: dropout, p: 0.1}\n  f: {type: reshape, shape: [6, 2]}\n"
        "  s: {type: sum, dim: 1}",
        12,
    ),
    "beside another": ("m: {type: multiply, from: [x, y]}\n  c: {type: concat, from: [m, x]}\n"
                       "  s: {type: sum, dim: 1}", 12),
    "each of two": ("m: {type: multiply, from: [x, y]}\n  n: {type: multiply, from: [x, x]}\n"
                    "  c: {type: stack, from: [m, n]}\n  p: {type: pad, padding: [1, 1]}\n  s: {type: sum, dim: -1}",
                    24),
    "pooled": ("m: {type: multiply, from: [x, w]}\n  s: global_avg_pool1d", 12),
    "pooled to a size": ("m: {type: multiply, from: [x, w]}\n  s: {type: adaptive_avg_pool1d, output_size: 2}", 12),
    "pooled by windows": ("m: {type: multiply, from: [x, w]}\n  s: {type: avg_pool1d, kernel_size: 2}", 12),
    "one of two readers": (
        "m: {type: multiply, from: [x, y]}\n  r: relu\n  s: {type: sum, dim: -1, keepdim: true, from: m}\n"
        "  o: {type: add, from: [r, s]}",
        12,
    ),
    "an outer product": ("m: {type: multiply, from: [w, u]}\n  r: relu", 12),
}  # fmt: skip
GATES = {
    "a gate": "m: {type: multiply, from: [x, y]}\n  r: relu",
    "a gate a channel": "m: {type: multiply, from: [x, w]}\n  r: relu\n  s: {type: mean, dim: 2}",
    "the largest": "m: {type: multiply, from: [x, y]}\n  s: {type: max, dim: -1}",
    "a mixture": "m: {type: lerp, from: [x, y, w]}\n  s: {type: sum, dim: -1}",
}
INPUTS = "netspec: 1\ninputs: {x: [4, 3], y: [4, 3], w: [4, 1], u: [1, 3]}\nlayers:\n  "


@pytest.mark.parametrize(("body", "count"), SUMMED.values(), ids=list(SUMMED))
def test_products_that_are_summed_count(body: str, count: int) -> None:
    assert flops(f"{INPUTS}{body}\n") == count


@pytest.mark.parametrize("body", GATES.values(), ids=list(GATES))
def test_gates_do_not_count(body: str) -> None:
    assert flops(f"{INPUTS}{body}\n") == 0


# Multiply-adds as torchvision publishes them for its weights (`GFLOPS` there), in millions.
PUBLISHED = {
    "alexnet": 714,
    "resnet18": 1814,
    "resnet34": 3664,
    "resnet50": 4089,
    "resnet101": 7801,
    "resnet152": 11514,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts_to_the_digit(name: str) -> None:
    count = total(netspec.load(ARCHITECTURES / f"{name}.yaml")).flops
    assert isinstance(count, int)
    assert round(count / 1e6) == PUBLISHED[name]


def test_what_is_shared_along_a_chain_counts_once_and_is_sought_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = "".join(f"  l{i}: {{type: linear, out_features: 8, share: l{i - 1}}}\n" for i in range(1, 500))
    graph = netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n  l0: {{type: linear, out_features: 8}}\n{layers}")
    assert total(graph).params == 8 * 8 + 8
    graph = netspec.load(graph.resolved)
    calls = []
    weights_of = type(graph).weights_of
    monkeypatch.setattr(type(graph), "weights_of", lambda self, node: calls.append(node) or weights_of(self, node))
    assert total(graph).params == 8 * 8 + 8
    assert {graph.owner(graph["l499"], name) for name in ("weight", "bias")} == {"l0"}
    assert len(calls) < 5 * 500


def test_a_chain_of_shares_ends_where_a_weight_is_missing() -> None:
    graph = netspec.load(
        "netspec: 1\ninputs: {x: {shape: [T], dtype: int64}}\nlayers:\n"
        "  e: {type: embedding, num_embeddings: 8, embedding_dim: 8}\n  a: {type: linear, out_features: 8, share: e}\n"
        "  b: {type: linear, out_features: 8, share: a}\n"
    )
    assert [graph.owner(graph["b"], name) for name in ("weight", "bias")] == ["e", "a"]
    assert total(graph).params == 8 * 8 + 8
