"""What `diff` says of known edits, and that a network does not differ from itself."""

from __future__ import annotations

from itertools import pairwise

import pytest

import netspec
from netspec.report.diff.json import as_data
from netspec.report.diff.text import lines as text_lines
from netspec.review.difference import Diff
from netspec.review.pairs import align

BASE = """
netspec: 1
inputs: {image: [3, 8, 8]}
blocks:
  basic:
    params: {channels: }
    layers:
      conv: {type: conv2d, out_channels: $channels, kernel_size: 3, padding: 1}
      norm: batch_norm2d
      relu: relu
layers:
  stage: {type: basic, channels: 8, repeat: 2}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
outputs: {logits: fc}
"""


def changed(*edits: tuple[str, str]) -> Diff:
    new = BASE
    for old, replacement in edits:
        assert old in new
        new = new.replace(old, replacement)
    return netspec.diff(netspec.load(BASE), netspec.load(new))


def lines(diff: Diff) -> list[str]:
    return [line for _, line in text_lines(diff, "a", "b")]


def names(diff: Diff, status: str) -> list[str]:
    return [d.name for d in diff.of(status)]


def test_no_change() -> None:
    same = changed()
    assert not same
    assert lines(same) == ["a -> b", "no change in the network"]


def test_a_comment_or_another_order_of_keys_is_no_change() -> None:
    assert not changed(("{type: linear, out_features: 5}", "{out_features: 5, type: linear}  # five classes"))


def test_inserted_layer_and_what_it_ripples_to() -> None:
    diff = changed(("  fc:", "  squeeze: {type: linear, out_features: 4}\n  fc:"))
    assert lines(diff) == [
        "a -> b",
        "+ squeeze: linear {out_features: 4}",
        "    (B, 4), 36 parameters, 32 FLOPs",
        "· affected, though written as before:",
        "    fc: from pool -> squeeze, params 45 -> 25, flops 40 -> 20",
        "",
        "1 added, 1 affected",
        "params       885 -> 901  +16 (+1.8%)",
        "flops        50,728 -> 50,740  +12 (+0.0%)",
        "activations  12.1 KiB -> 12.1 KiB  (+0.1%)",
    ]


def test_removed_layer() -> None:
    diff = changed(("      norm: batch_norm2d\n", ""))
    assert names(diff, "removed") == ["stage.0.norm", "stage.1.norm"]
    assert names(diff, "ripple") == ["stage.0.relu", "stage.1.relu"]
    assert not diff.of("added") and not diff.of("changed")


def test_changed_parameter_with_shapes_parameters_and_flops() -> None:
    diff = changed(("out_features: 5", "out_features: 7"))
    [fc] = diff.layers
    assert fc.status == "changed"
    assert [(c.what, c.before, c.after) for c in (*fc.changes, *fc.effects)] == [
        ("out_features", 5, 7), ("shape", "(B, 5)", "(B, 7)"), ("params", 45, 63), ("flops", 40, 56),
        ("activations", 20, 28),
    ]  # fmt: skip
    assert [(c.what, c.before, c.after) for c in diff.interface] == [
        ("output logits", "(B, 5) from fc", "(B, 7) from fc")
    ]


def test_renamed_layer_and_renamed_group() -> None:
    diff = changed(("  fc: {type", "  head: {type"), ("logits: fc", "logits: head"), ("  stage: {", "  body: {"))
    renamed = [(d.before.name, d.name) for d in diff.of("renamed") if d.before]
    assert renamed == [
        ("stage.0.conv", "body.0.conv"), ("stage.0.norm", "body.0.norm"), ("stage.0.relu", "body.0.relu"),
        ("stage.1.conv", "body.1.conv"), ("stage.1.norm", "body.1.norm"), ("stage.1.relu", "body.1.relu"),
        ("fc", "head"),
    ]  # fmt: skip
    assert len(diff.layers) == 7 and not diff.totals


def test_renamed_and_changed_at_once() -> None:
    diff = changed(("  stage: {", "  body: {"), ("kernel_size: 3, padding: 1", "kernel_size: 5, padding: 2"))
    convs = [d for d in diff.of("renamed") if d.name.endswith("conv")]
    assert [[c.what for c in d.changes] for d in convs] == [["name", "kernel_size", "padding"]] * 2
    assert not diff.of("added") and not diff.of("removed")


def test_another_kind_under_the_same_name() -> None:
    diff = changed(("relu: relu", "relu: gelu"))
    assert "~ stage.0.relu: type relu -> gelu" in lines(diff)


def test_rewired_layer_is_a_change() -> None:
    new = BASE.replace("  pool:", "  sum: {type: add, from: [stage.0, stage.1]}\n  pool:")
    diff = netspec.diff(netspec.load(new), netspec.load(new.replace("[stage.0, stage.1]", "[stage.1, stage.1]")))
    assert "~ sum (add): from stage.0.relu, stage.1.relu -> stage.1.relu, stage.1.relu" in lines(diff)


def test_wiring_of_weights_is_a_change() -> None:
    diff = changed(("out_features: 5", "out_features: 5, freeze: true, init: he"))
    [fc] = diff.layers
    assert [c.what for c in fc.changes] == ["init", "freeze"]


def test_input_and_output_changes() -> None:
    diff = changed(("[3, 8, 8]", "[3, 9, 9]"), ("logits: fc", "logits: fc, features: pool"))
    assert [(c.what, c.before, c.after) for c in diff.interface] == [
        ("input image", "(B, 3, 8, 8)", "(B, 3, 9, 9)"), ("output features", None, "(B, 8) from pool"),
    ]  # fmt: skip


def test_many_ripples_are_cut_in_text_and_whole_in_json() -> None:
    new = BASE.replace("[3, 8, 8]", "[3, 10, 10]").replace("repeat: 2", "repeat: 5")
    diff = netspec.diff(netspec.load(BASE.replace("repeat: 2", "repeat: 5")), netspec.load(new))
    assert "    … and 7 more (all in `--format json`)" in lines(diff)
    data = as_data(diff)
    assert len([d for d in data["layers"] if d["status"] == "ripple"]) == 15
    first = data["layers"][0]
    assert first["before"]["name"] == "stage.0.conv" and first["before"]["shape"] == {"output": "(B, 8, 8, 8)"}


ALIKE = [("aab", "ab"), ("", "abc"), ("abcab", "xabcaby"), ("aaaa", "aaa"), ("abc", "cba")]


@pytest.mark.parametrize(("old", "new"), ALIKE)
def test_alignment_keeps_the_order_and_pairs_equals(old: str, new: str) -> None:
    pairs = list(align(list(old), list(new)))
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a < b and c < d for (a, c), (b, d) in pairwise(pairs))
    assert len(pairs) == {"aab": 2, "": 0, "abcab": 5, "aaaa": 3, "abc": 1}[old]


def test_one_copy_less_of_many_and_a_renamed_stack() -> None:
    def stack(name: str, count: int) -> netspec.Graph:
        return netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n  {name}: {{type: relu, repeat: {count}}}\n")

    fewer = netspec.diff(stack("st", 2000), stack("st", 1999))
    assert [(d.status, d.name) for d in fewer.layers] == [("removed", "st.1999")]
    renamed = netspec.diff(stack("st", 2000), stack("su", 2000))
    assert [d.status for d in renamed.layers] == ["renamed"] * 2000


def test_parameters_of_a_cell_are_shown_as_they_are_written() -> None:
    text = """
netspec: 1
inputs: {x: [T, 3]}
cells:
  mine: {params: {k: }, state: {h: hidden}, output: h, equations: ["h[t] = tanh(k * h[t-1])"]}
layers:
  r: {type: recurrent, cell: mine, hidden: 4, params: {k: 3}}
"""
    shown = [
        line
        for _, line in text_lines(
            netspec.diff(netspec.load(text), netspec.load(text.replace("k: 3", "k: 4"))), "a", "b"
        )
    ]
    assert any("{k: 3} -> {k: 4}" in line for line in shown), shown
