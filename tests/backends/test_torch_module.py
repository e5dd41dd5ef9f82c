"""The lowered module against networks written by hand in torch."""

from __future__ import annotations

import copy
import gc
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

import netspec

RESIDUAL = """
netspec: 1
inputs: {image: [3, 8, 8]}
blocks:
  basic:
    params: {channels: , stride: 1}
    layers:
      body:
        type: residual
        shortcut: projection
        layers:
          conv1: {type: conv2d, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}
          bn1: batch_norm2d
          relu: relu
          conv2: {type: conv2d, out_channels: $channels, kernel_size: 3, padding: 1, bias: false}
          bn2: batch_norm2d
      relu: relu
layers:
  stage: {type: basic, channels: $(4 * (i + 1)), stride: $(1 + i), repeat: 2}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
"""


class Basic(nn.Module):
    """The same block, written by hand."""

    def __init__(self, inside: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.down = (
            nn.Sequential(nn.Conv2d(inside, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if stride != 1 or inside != channels
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.down(x))


def by_hand() -> nn.Module:
    return nn.Sequential(Basic(3, 4, 1), Basic(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def test_residual_network_equals_one_written_by_hand() -> None:
    ours, theirs = netspec.to_torch(netspec.load(RESIDUAL)), by_hand()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(4, 3, 8, 8)
    for mode in (True, False):
        ours.train(mode), theirs.train(mode)
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)


def test_state_dict_keys_are_the_names_of_the_file() -> None:
    keys = list(netspec.to_torch(netspec.load(RESIDUAL)).state_dict())
    assert keys[:2] == ["stage.0.body.conv1.weight", "stage.0.body.bn1.weight"]
    assert "stage.1.body.shortcut.conv.weight" in keys
    assert keys[-2:] == ["fc.weight", "fc.bias"]


def test_each_block_instance_is_a_submodule_of_its_own() -> None:
    module = netspec.to_torch(netspec.load(RESIDUAL))
    first, second = module.get_submodule("stage.0"), module.get_submodule("stage.1")
    assert type(first).__name__ == type(second).__name__ == "basic"
    assert first(torch.randn(2, 3, 8, 8)).shape == (2, 4, 8, 8)


def test_code_is_straight_and_readable() -> None:
    text = """
netspec: 1
inputs: {x: [4]}
layers:
  fc: {type: linear, out_features: 4}
  act: tanh
  sum: {type: add, from: [x, act]}
"""
    code = netspec.to_torch(netspec.load(text)).code
    lines = [line.split(";")[0].strip() for line in code.strip().splitlines()]
    assert lines == [
        "def forward(self, x):", "fc = self.fc(x)", "act = self.act(fc)", "sum_1 = x + act", "return sum_1"
    ]  # fmt: skip


def test_compile_and_export_work_on_it() -> None:
    module = netspec.to_torch(netspec.load(RESIDUAL)).eval()
    x = torch.randn(3, 3, 8, 8)
    expected = module(x)
    torch.testing.assert_close(torch.compile(module, backend="aot_eager", fullgraph=True)(x), expected)
    exported = torch.export.export(module, (x,), dynamic_shapes={"image": {0: torch.export.Dim("batch")}})
    other = torch.randn(7, 3, 8, 8)
    torch.testing.assert_close(exported.module()(other), module(other))


SEQUENCE = """
netspec: 1
inputs: {tokens: {shape: [T], dtype: int64}}
layers:
  embed: {type: embedding, num_embeddings: 11, embedding_dim: 8}
  place: {type: positional_encoding}
  attend:
    type: residual
    layers: {norm: layer_norm, attention: {type: multi_head_attention, num_heads: 2, causal: true}}
  head: {type: linear, out_features: 11, bias: false, share: embed}
"""


def test_export_keeps_a_named_axis_symbolic() -> None:
    module = netspec.to_torch(netspec.load(SEQUENCE)).eval()
    tokens = torch.randint(0, 11, (2, 9))
    shapes = {"tokens": {0: torch.export.Dim("b"), 1: torch.export.Dim("t", min=2, max=64)}}
    exported = torch.export.export(module, (tokens,), dynamic_shapes=shapes)
    longer = torch.randint(0, 11, (3, 17))
    torch.testing.assert_close(exported.module()(longer), module(longer))


def test_initialisation_is_seeded_and_leaves_the_global_state_alone() -> None:
    graph = netspec.load(RESIDUAL)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a = netspec.to_torch(graph, seed=1).state_dict()
    assert torch.equal(torch.rand(3), expected)
    b, c = netspec.to_torch(graph, seed=1).state_dict(), netspec.to_torch(graph, seed=2).state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["fc.weight"], c["fc.weight"])


def test_initialisation_is_torchs_own_by_default() -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  fc: {type: linear, out_features: 3}\n"
    torch.manual_seed(3)
    assert torch.equal(netspec.to_torch(netspec.load(text), seed=3).fc.weight, nn.Linear(4, 3).weight)


@pytest.mark.parametrize(
    ("init", "fill"),
    [
        ("he", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        (
            "{type: he_uniform, mode: fan_out}",
            lambda w: nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
        ),
        ("xavier", nn.init.xavier_uniform_),
        ("{type: xavier_normal, gain: 2}", lambda w: nn.init.xavier_normal_(w, 2)),
        ("{type: orthogonal, gain: 0.5}", lambda w: nn.init.orthogonal_(w, 0.5)),
        ("{type: normal, mean: 1, std: 2}", lambda w: nn.init.normal_(w, 1, 2)),
        ("{type: truncated_normal, std: 0.1}", lambda w: nn.init.trunc_normal_(w, 0, 0.1, -0.2, 0.2)),
        ("{type: uniform, low: -1, high: 3}", lambda w: nn.init.uniform_(w, -1, 3)),
        ("zeros", nn.init.zeros_),
        ("ones", nn.init.ones_),
        ("0.25", lambda w: nn.init.constant_(w, 0.25)),
        ("{weight: {type: constant, value: 7}, bias: 1}", lambda w: nn.init.constant_(w, 7)),
    ],
)
def test_init_is_torchs_rule_of_that_name(init: str, fill: object) -> None:
    text = f"netspec: 1\ninputs: {{x: [6]}}\nlayers:\n  fc: {{type: linear, out_features: 5, init: {init}}}\n"
    got = netspec.to_torch(netspec.load(text), seed=4).fc
    torch.manual_seed(4)
    layer = nn.Linear(6, 5)  # the layer's own initialisation draws first on both sides
    with torch.no_grad():
        fill(layer.weight)  # type: ignore[operator]
    assert torch.equal(got.weight, layer.weight)
    assert torch.equal(got.bias, torch.ones(5) if "bias: 1" in init else layer.bias)


def test_highway_gate_begins_at_its_bias() -> None:
    text = """
netspec: 1
inputs: {x: [4]}
layers:
  h: {type: highway, gate_bias: -3, layers: {fc: {type: linear, out_features: 4}, relu: relu}}
"""
    module = netspec.to_torch(netspec.load(text))
    gate, fc = module.h.gate.linear, module.h.fc
    assert torch.equal(gate.bias, torch.full((4,), -3.0))
    x = torch.randn(5, 4)
    t = torch.sigmoid(gate(x))
    torch.testing.assert_close(module(x), torch.relu(fc(x)) * t + x * (1 - t))  # the slides' formula


def test_shared_weights_are_one_parameter() -> None:
    graph = netspec.load(SEQUENCE)
    module = netspec.to_torch(graph)
    assert module.head.weight is module.embed.weight
    assert sum(p.numel() for p in module.parameters()) == netspec.graph.cost.total(graph).params
    module(torch.randint(0, 11, (2, 5))).sum().backward()
    assert module.embed.weight.grad is not None


def test_shared_blocks_share_every_weight() -> None:
    text = RESIDUAL.replace(
        "  pool:", "  again: {type: basic, channels: 8}\n  tied: {type: basic, channels: 8, share: again}\n  pool:"
    )
    module = netspec.to_torch(netspec.load(text))
    a, b = module.again, module.tied
    assert a.body.conv1.weight is b.body.conv1.weight and a.body.bn2.running_mean is b.body.bn2.running_mean


def test_frozen_weights_take_no_gradient() -> None:
    module = netspec.to_torch(netspec.load(RESIDUAL.replace("repeat: 2}", "repeat: 2, freeze: true}")))
    assert {n.split(".")[0] for n, p in module.named_parameters() if p.requires_grad} == {"fc"}


def test_several_inputs_and_outputs_by_order_and_by_name() -> None:
    text = """
netspec: 1
inputs: {a: [3], b: [T, 3]}
layers:
  inner:
    type: sequence
    from: b
    layers:
      first: {type: linear, out_features: 4}
      second: {type: linear, out_features: 2}
  mean: {type: mean, dim: 1}
  fa: {type: linear, from: a, out_features: 2}
  sum: {type: add, from: [mean, fa]}
outputs: {total: sum, hidden: inner.first, again: sum}
"""
    module = netspec.to_torch(netspec.load(text))
    a, b = torch.randn(2, 3), torch.randn(2, 6, 3)
    out = module(a, b)
    named = module(b=b, a=a)
    assert list(out) == ["total", "hidden", "again"]
    assert all(torch.equal(out[k], named[k]) for k in out)
    hidden = module.inner.first(b)
    torch.testing.assert_close(out["hidden"], hidden)
    torch.testing.assert_close(out["total"], module.inner.second(hidden).mean(1) + module.fa(a))


def test_module_can_be_copied() -> None:
    module = netspec.to_torch(netspec.load(RESIDUAL)).eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(copy.deepcopy(module)(x), module(x))


EQUAL = RESIDUAL.replace("$(4 * (i + 1)), stride: $(1 + i), repeat: 2", "3, repeat: 3")


def test_equal_blocks_have_equal_code_and_weights_of_their_own() -> None:
    ours = netspec.to_torch(netspec.load(EQUAL))
    blocks = list(ours.stage.children())
    assert blocks[0].code == blocks[1].code == blocks[2].code
    theirs = nn.Sequential(*(Basic(3, 3, 1) for _ in range(3)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)


@pytest.mark.parametrize("which", [0, 1])
def test_an_edit_of_one_block_leaves_its_twins_alone(which: int) -> None:
    module = netspec.to_torch(netspec.load(EQUAL)).eval()
    blocks = list(module.stage.children())
    edited = blocks.pop(which)
    x = torch.randn(2, 3, 8, 8)
    before = [block(x) for block in blocks]
    relu = next(n for n in edited.graph.nodes if n.name == "relu")
    relu.replace_all_uses_with(relu.args[0])
    edited.graph.erase_node(relu)
    edited.recompile()
    torch.testing.assert_close(edited(x), edited.body(x), rtol=0, atol=0)
    for block, value in zip(blocks, before, strict=True):
        block.recompile()
        assert torch.equal(block(x), value)
        assert [n.name for n in block.graph.nodes] == ["x", "body", "relu", "output"]


def test_weights_are_freed_with_their_module() -> None:
    module = netspec.to_torch(netspec.load(EQUAL))
    weights = [weakref.ref(p) for p in module.parameters()]
    gc.disable()
    try:
        del module
        assert [w for w in weights if w() is not None] == []
    finally:
        gc.enable()


def test_module_survives_pickling(tmp_path: Path) -> None:
    module = netspec.to_torch(netspec.load(EQUAL)).eval()
    torch.save(module, tmp_path / "module.pt")
    again = torch.load(tmp_path / "module.pt", weights_only=False)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(again(x), module(x))


PORTS = """
netspec: 1
inputs: {x: [6, 4]}
layers:
  s: {type: split, dim: 1, num: 2}
  torch: {type: linear, from: s.1, out_features: 4}
  r:
    type: sequence
    from: s.0
    layers:
      a: {type: linear, out_features: 4}
      b: {type: add, from: [a, s.1, torch]}
"""


def test_ports_and_names_of_torch_are_arguments_of_a_submodule() -> None:
    module = netspec.to_torch(netspec.load(PORTS))
    x = torch.randn(2, 6, 4)
    expected = module.r.a(x[:, :3]) + x[:, 3:] + module.torch(x[:, 3:])
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize(
    "text", ["inputs: {torch: [4]}\nlayers: {a: relu}\n", "inputs: {x: [4]}\nlayers: {self: relu}\n"]
)
def test_names_that_generated_code_uses_are_refused(text: str) -> None:
    with pytest.raises(netspec.NetspecError, match="NS206"):
        netspec.load(f"netspec: 1\n{text}")


def test_highway_runs_in_mixed_precision() -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers: {h: {type: highway, layers: {fc: {type: linear, out_features: 4}}}}\n"
    module = netspec.to_torch(netspec.load(text))
    x = torch.randn(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        low = module(x).float()
    torch.testing.assert_close(low, module(x), rtol=0.05, atol=0.05)


def test_reshape_of_an_axis_that_a_layer_made() -> None:
    text = """
netspec: 1
inputs: {x: [T, 8]}
layers:
  turn: {type: permute, dims: [0, 2, 1]}
  pool: {type: avg_pool1d, kernel_size: 2}
  conv: {type: conv1d, out_channels: 4, kernel_size: 3}
  flat: flatten
  fold: {type: reshape, shape: [4, -1]}
"""
    graph = netspec.load(text)
    module = netspec.to_torch(graph)
    for length in (9, 20):
        assert module(torch.randn(2, length, 8)).shape == (2, 4, length // 2 - 2)
