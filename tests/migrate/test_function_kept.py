"""A wider or deeper network computes what the one did whose weights it has: run by torch, both in float64."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.migrate.migration import Fate
from netspec.report.migration import migration_lines
from tests.migrate.pairs import largest_difference, lived, migrated

EXACT = 1e-12
ROUNDED = 1e-6  # a third of a float32, and √(1 + eps)

MLP = """netspec: 1
inputs: {{x: [6]}}
layers:
  a: {{type: linear, out_features: {a}}}
  r: {act}
  n: batch_norm1d
  b: {{type: linear, out_features: {b}}}
  t: tanh
  c: {{type: linear, out_features: 3}}
outputs: {{y: c}}
"""
CONV = """netspec: 1
inputs: {{x: [3, 12, 12]}}
layers:
  c1: {{type: conv2d, out_channels: {a}, kernel_size: 3, padding: 1, bias: false}}
  n1: batch_norm2d
  r1: relu
  p: {{type: max_pool2d, kernel_size: 2}}
  c2: {{type: conv2d, out_channels: {b}, kernel_size: 3, padding: 1, groups: {groups}}}
  n2: {norm}
  r2: relu
  c3: {{type: conv_transpose2d, out_channels: {c}, kernel_size: 2, stride: 2, groups: {turned}}}
  drop: {{type: dropout, p: 0.2}}
  f: flatten
  fc: {{type: linear, out_features: 5}}
outputs: {{y: fc}}
"""
SUM = """netspec: 1
inputs: {{x: [3, 8, 8]}}
layers:
  stem: {{type: conv2d, out_channels: {a}, kernel_size: 3, padding: 1}}
  one:
    type: residual
    layers:
      c: {{type: conv2d, out_channels: {a}, kernel_size: 3, padding: 1}}
      r: relu
      d: {{type: conv2d, out_channels: {a}, kernel_size: 1}}
  side: {{type: conv2d, out_channels: {b}, kernel_size: 1}}
  both: {{type: concat, from: [one, side, stem]}}
  p: global_avg_pool2d
  fc: {{type: linear, out_features: 4}}
outputs: {{y: fc}}
"""
TRANSFORMER = """netspec: 1
vars: {{d: {d}, heads: {heads}, rows: {rows}, f: {f}}}
inputs: {{x: {{shape: [T], dtype: int64}}}}
blocks:
  block:
    layers:
      attention:
        type: residual
        layers: {{n: layer_norm, a: {{type: multi_head_attention, num_heads: $heads}}, d: {{type: dropout, p: 0.1}}}}
      mlp:
        type: residual
        layers: {{n: layer_norm, u: {{type: linear, out_features: $f}}, g: gelu, d: {{type: linear, out_features: $d}}}}
layers:
  e: {{type: embedding, num_embeddings: $rows, embedding_dim: $d}}
  p: {{type: positional_encoding, mode: learned, max_length: 30}}
  b: {{type: block, repeat: {repeat}}}
  n: {norm}
  o: {{type: linear, out_features: 5}}
outputs: {{y: o}}
"""
RECURRENT = """netspec: 1
inputs: {{x: [T, 4]}}
layers:
  l: {{type: {cell}, hidden: {hidden}, num_layers: 2, bidirectional: true, initial_state: {begin}}}
  o: {{type: linear, out_features: 5}}
outputs: {{y: o}}
"""


def conv(a: int = 4, b: int = 4, c: int = 6, groups: int = 1, norm: str = "batch_norm2d", turned: int = 1) -> str:
    return CONV.format(a=a, b=b, c=c, groups=groups, norm=norm, turned=turned)


def transformer(
    d: int = 8, heads: int = 2, rows: int = 11, f: int = 16, repeat: int = 2, norm: str = "layer_norm"
) -> str:
    return TRANSFORMER.format(d=d, heads=heads, rows=rows, f=f, repeat=repeat, norm=norm)


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def words(high: int = 11) -> torch.Tensor:
    return torch.randint(0, high, (4, 7), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("act", ["relu", "tanh", "gelu", "{type: prelu, per_channel: true}"])
def test_a_wider_perceptron(act: str) -> None:
    before, after = (MLP.format(a=a, b=b, act=act) for a, b in ((8, 5), (16, 7)))
    assert largest_difference(before, after, x=numbers(9, 6)) < EXACT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (conv(), conv(a=6, b=7, c=9)),
        (conv(groups=4), conv(a=6, b=6, groups=6)),
        (conv(b=8, groups=2), conv(a=8, b=12, groups=2)),
        (conv(b=8, groups=2), conv(a=8, b=16, groups=4)),
        (conv(b=4, c=6, turned=2), conv(b=8, c=12, turned=2)),
        (conv(norm="{type: group_norm, num_groups: 2}"), conv(a=8, b=8, norm="{type: group_norm, num_groups: 2}")),
        (conv(norm="{type: maxout, out_features: 6}"), conv(a=8, norm="{type: maxout, out_features: 6, pieces: 2}")),
    ],
)
def test_a_wider_convolution(before: str, after: str) -> None:
    assert largest_difference(before, after, x=numbers(4, 3, 12, 12)) < EXACT


def test_all_members_of_a_sum_are_widened_alike_and_a_concatenation_part_by_part() -> None:
    before, after = (SUM.format(a=a, b=b) for a, b in ((4, 3), (6, 5)))
    assert largest_difference(before, after, x=numbers(4, 3, 8, 8)) < EXACT


@pytest.mark.parametrize(
    "after",
    [
        transformer(d=16, heads=4, f=32),
        transformer(f=24),
        transformer(repeat=3),
        transformer(rows=15),
        transformer(d=24, heads=6, f=20, repeat=4, rows=12),
    ],
)
def test_a_transformer_wider_deeper_with_more_words(after: str) -> None:
    assert largest_difference(transformer(), after, x=words()) < ROUNDED


def test_heads_of_more_features_keep_the_scale_of_their_scores() -> None:
    assert largest_difference(transformer(), transformer(d=16), x=words()) < ROUNDED


CELLS = ["lstm", "gru", "gru_reset_after", "rnn", "lstm_peephole_full", "mingru", "sru", "qrnn", "cifg"]


@pytest.mark.parametrize("cell", CELLS)
def test_more_hidden_units_of_a_recurrent_layer(cell: str) -> None:
    before, after = (RECURRENT.format(cell=cell, hidden=hidden, begin="zero") for hidden in (3, 7))
    assert largest_difference(before, after, x=numbers(4, 6, 4)) < ROUNDED


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_learned_initial_states_are_widened_too(cell: str) -> None:
    before, after = (RECURRENT.format(cell=cell, hidden=hidden, begin="learned") for hidden in (3, 7))
    assert largest_difference(before, after, x=numbers(4, 6, 4)) < ROUNDED


@pytest.mark.parametrize(
    "added",
    [
        "  c9: {type: conv2d, out_channels: 4, kernel_size: 3, padding: 1}\n  n9: batch_norm2d\n  r9: relu\n",
        "  c9: {type: conv2d, out_channels: 4, kernel_size: 5, padding: same, groups: 2}\n  r9: relu\n",
        "  c9: {type: conv_transpose2d, out_channels: 4, kernel_size: 3, padding: 1}\n  d9: dropout\n",
        "  s:\n    type: residual\n    layers: {c: {type: conv2d, out_channels: 4, kernel_size: 1}, n: batch_norm2d}\n",
        "  s:\n    type: residual\n    layers:\n      c: {type: conv2d, out_channels: 9, kernel_size: 1}\n"
        "      r: gelu\n      c2: {type: conv2d, out_channels: 4, kernel_size: 1}\n      d: dropout\n  r9: relu\n",
    ],
)
def test_an_added_layer_begins_as_the_identity(added: str) -> None:
    before = conv()
    assert largest_difference(before, before.replace("  p: ", f"{added}  p: "), x=numbers(4, 3, 12, 12)) < ROUNDED


def test_a_larger_kernel_with_more_padding_and_another_channel_of_the_image() -> None:
    before = conv()
    larger = before.replace("kernel_size: 3, padding: 1, bias", "kernel_size: 5, padding: 2, bias")
    assert largest_difference(before, larger, x=numbers(4, 3, 12, 12)) < EXACT
    assert migrated(before, before.replace("x: [3,", "x: [4,")).keeps_function


def test_a_tensor_that_is_carried_is_the_same_to_the_last_bit() -> None:
    before = conv()
    weights = lived(netspec.load(before))
    migration = migrated(before, before.replace("c1:", "first:"))
    assert {tensor.fate for tensor in migration.fates} == {Fate.CARRIED}
    assert all(torch.equal(migration.tensors[t.name], weights[t.old]) for t in migration.fates)
    assert migration.comparison is not None and migration.comparison.difference == 0.0


CELL = """netspec: 1
inputs: {{x: [T, 4]}}
cells:
  {name}:
    state: {{h: hidden}}
    output: h
    weights:
      W_f, W_h: [hidden, hidden + input]
      b_f: [hidden]
    equations:
      - f = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
      - g = tanh(W_h @ [f * h[t-1], x[t]])
      - h[t] = {terms}
layers:
  r: {{type: recurrent, cell: {name}, hidden: 5, num_layers: 2, returns: last}}
  o: {{type: linear, out_features: 3}}
outputs: {{y: o}}
"""
BOTH = """netspec: 1
inputs: {{x: [6]}}
layers:
  {l}: {{type: linear, out_features: 3}}
  {r}: {{type: linear, out_features: 3, from: x}}
  b: {{type: concat, from: [{first}, {second}]}}
  o: {{type: linear, out_features: 2}}
outputs: {{y: o}}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CELL.format(name="a", terms="(1 - f) * h[t-1] + f * g"),
         CELL.format(name="b", terms="f * g + (1 - f) * h[t-1]")),
        (BOTH.format(l="l", r="r", first="l", second="r"), BOTH.format(l="l", r="r", first="r", second="l")),
        (BOTH.format(l="l", r="r", first="l", second="r"), BOTH.format(l="r", r="l", first="r", second="l")),
    ],
)  # fmt: skip
def test_the_same_function_under_other_names_is_exactly_that(before: str, after: str) -> None:
    migration = migrated(before, after)
    assert migration.comparison is not None and migration.comparison.difference == 0.0
    assert {tensor.fate for tensor in migration.fates} == {Fate.CARRIED}


def architecture(name: str, *sets: str) -> str:
    spec = netspec.load(
        f"architectures/{name}.yaml",
        sets=["inputs.image=[3, 32, 32]", "budget.params=1G", "budget.flops=9G", *sets],
        hold_budget=False,
    )
    return spec.resolved


def test_resnet18_one_and_a_half_times_as_wide() -> None:
    x = numbers(3, 3, 32, 32)
    assert largest_difference(architecture("resnet18"), architecture("resnet18", "width=96"), image=x) < EXACT


def test_resnet34_of_resnet18() -> None:
    x = numbers(3, 3, 32, 32)
    assert largest_difference(architecture("resnet18"), architecture("resnet34"), image=x) < EXACT


@pytest.mark.parametrize(
    ("before", "after", "layer", "why"),
    [
        (transformer(), transformer(d=12), "n", "its mean and variance are over 8 -> 12 units, not all equally often"),
        (conv(), conv(b=3), "c2", "1 of its 4 units are left out"),
        (conv(), conv().replace("r2: relu", "r2: tanh"), "r2", "type relu -> tanh"),
        (conv(), conv().replace("  p: ", "  t9: tanh\n  p: "), "t9", "it is new and cannot begin as the identity"),
        (transformer(), transformer(heads=4), "b.0.attention.a", "num_heads 2 -> 4"),
        (conv().replace("  p: {type: max_pool2d, kernel_size: 2}\n", "  s: {type: softmax, dim: 1}\n"),
         conv(a=6).replace("  p: {type: max_pool2d, kernel_size: 2}\n", "  s: {type: softmax, dim: 1}\n"),
         "s", "each of its 6 units is seen by all others, 4 before"),
    ],
)  # fmt: skip
def test_the_layer_where_the_function_ends_is_named(before: str, after: str, layer: str, why: str) -> None:
    migration = migrated(before, after)
    assert not migration.keeps_function
    assert {**migration.doubts, **migration.breaks}[layer] == why


def test_other_heads_are_seen_where_a_mask_hides_keys() -> None:
    before = """netspec: 1
inputs: {x: [T, 5], m: [S, 3], k: {shape: [S], dtype: bool}}
layers:
  q: {type: linear, out_features: 8, from: x}
  v: {type: linear, out_features: 10, from: m}
  a: {type: multi_head_attention, num_heads: 2, from: {query: q, key: v, value: v, mask: k}}
outputs: {y: a}
"""
    migration = migrated(before, before.replace("num_heads: 2", "num_heads: 4"))
    assert not migration.keeps_function and migration.doubts == {"a": "num_heads 2 -> 4"}
    old = lived(netspec.load(before))
    assert all(torch.equal(migration.tensors[name], old[name]) for name in old)  # carried is as it was
    assert migrated(before, before.replace("out_features: 8", "out_features: 16")).keeps_function


def test_classes_and_words_that_went_or_came() -> None:
    before = transformer()
    fewer = migrated(before, before.replace("out_features: 5", "out_features: 3"))
    assert fewer.keeps_function  # for the classes that are left
    more = migrated(before, before.replace("out_features: 5", "out_features: 8"))
    assert more.keeps_function
    assert [(t.name, t.how, t.sizes) for t in more.of(Fate.SLICED)] == [
        ("o.weight", "as a part of the new one", "5×8 -> 8×8"),
        ("o.bias", "as a part of the new one", "5 -> 8"),
    ]


def test_noise_tells_repeated_units_apart() -> None:
    before, after = (MLP.format(a=a, b=5, act="relu") for a in (8, 16))
    exact, noisy = migrated(before, after), migrated(before, after, noise=0.01)
    assert torch.equal(exact.tensors["a.weight"][:8], exact.tensors["a.weight"][8:])
    assert torch.equal(noisy.tensors["a.weight"][:8], exact.tensors["a.weight"][:8])
    assert not torch.equal(noisy.tensors["a.weight"][8:], exact.tensors["a.weight"][8:])
    assert noisy.comparison is not None and 0 < noisy.comparison.difference < 0.05 * noisy.comparison.scale


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("r: relu", "r: relu6", "r  type relu -> relu6"),
        ("r: relu", "r: relu\n  s: relu6", "s  it is new and cannot begin as the identity"),
        ("eps: 1e-5", "eps: 1.0001e-5", "n  eps 1e-05 -> 1.0001e-05"),
        ("p: 0.1", "p: 0.2", ""),
        ("momentum: 0.1", "momentum: 0.2", ""),
        ("{type: dropout, p: 0.1}", "{type: dropout1d, p: 0.1}", ""),
    ],
)
def test_what_is_no_other_on_the_inputs_that_were_tried_may_be_on_others(old: str, new: str, reason: str) -> None:
    before = """netspec: 1
inputs: {x: [4, 5]}
layers:
  d: {type: dropout, p: 0.1}
  b: {type: batch_norm1d, momentum: 0.1}
  n: {type: layer_norm, eps: 1e-5}
  r: relu
  fc: {type: linear, out_features: 3}
"""
    migration = migrated(before, before.replace(old, new))
    assert migration.comparison is not None and migration.comparison.agrees
    assert migration.keeps_function is not bool(reason)
    assert not reason or list(migration_lines(migration, 0.0))[-1].strip() == reason
