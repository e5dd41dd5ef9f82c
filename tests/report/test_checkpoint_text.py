"""What is said of an old checkpoint: that it loads is not that it is right, and what does not load has a name."""

from __future__ import annotations

import pytest

import netspec
from netspec.report.checkpoint_text import loaded_elsewhere, weights_text
from netspec.report.diff import affected_text
from netspec.review.diff import compare
from netspec.review.difference import Difference

BASE = """
netspec: 1
inputs: {x: [3, 8, 8]}
layers:
  conv: {type: conv2d, out_channels: 4, kernel_size: 3}
  norm: batch_norm2d
  act: relu
  left: {from: act, type: conv2d, out_channels: 4, kernel_size: 1}
  right: {from: act, type: conv2d, out_channels: 4, kernel_size: 1}
  both: {from: [left, right], type: concat}
  pool: global_avg_pool2d
  drop: {type: dropout, p: 0.1}
  fc: {type: linear, out_features: 5}
outputs: {y: fc}
"""
CHANGES = [
    ("relu", "gelu", "all 13 tensors load by name, but the network computes something else: 1 layer changed"),
    ("p: 0.1", "p: 0.3", "all 13 tensors load as before: outputs are others in training alone"),
    ("  drop: {type: dropout, p: 0.1}\n", "", "all 13 tensors load as before: outputs are others in training alone"),
    ("inputs: {x:", "inputs: {image:", "all 13 tensors load as before"),
    ("both: {from: [left, right]", "both: {from: [right, left]",
     "rename left.* <-> right.* in the checkpoint, then all 13 tensors load as before"),
    ("fc", "head", "rename fc.* -> head.* in the checkpoint, then all 13 tensors load as before"),
    ("out_features: 5", "out_features: 6",
     "8 of 10 trained tensors carry over (78% of the parameters); 2 change size: fc.*"),
    ("conv: {type: conv2d, out_channels: 4, kernel_size: 3", "conv: {type: conv2d, out_channels: 4, kernel_size: 1",
     "9 of 10 trained tensors carry over (47% of the parameters); 1 changes size: conv.weight"),
    ("  pool:", "  more: {type: conv2d, out_channels: 8, kernel_size: 1}\n  pool:",
     "all 13 tensors carry over; 2 are new: more.*"),
]  # fmt: skip


def changed(old: str, new: str) -> Difference:
    assert old in BASE
    return compare(netspec.load(BASE), netspec.load(BASE.replace(old, new)))


@pytest.mark.parametrize(("old", "new", "text"), CHANGES)
def test_what_is_said(old: str, new: str, text: str) -> None:
    assert weights_text(changed(old, new)) == text


def test_dropout_that_is_added_to_a_sum_is_something_else() -> None:
    text = BASE.replace("type: concat", "type: add")
    both = [netspec.load(text), netspec.load(text.replace("from: [left, right]", "from: [left, right, d]").replace(
        "  both:", "  d: {from: left, type: dropout}\n  both:"))]  # fmt: skip
    assert "computes something else" in weights_text(compare(*both))


def test_what_loads_into_other_layers_is_told_with_what_finds_no_place() -> None:
    difference = changed("both: {from: [left, right]", "both: {from: [right, left]")
    assert loaded_elsewhere(difference.weights) == "an old checkpoint loads 4 of 13 tensors by name into other layers"


@pytest.mark.parametrize(("old", "new", "_text"), CHANGES)
def test_parameters_of_entries_and_affected_layers_add_up(old: str, new: str, _text: str) -> None:
    difference = changed(old, new)
    texts = [*(entry.effect for entry in difference.entries), affected_text(difference)]
    words = [word.strip("(;,") for text in texts for word in text.replace(" parameters", "@").split() if "@" in word]
    total = sum(int(word.rstrip(")@").replace(",", "")) for word in words)
    [params] = [change for change in difference.totals if change.what == "params"]
    assert total == params.after - params.before


def test_a_layer_that_only_reads_another_one_is_not_counted() -> None:
    difference = changed("  drop: {type: dropout, p: 0.1}\n", "")
    assert difference.affected and not affected_text(difference)
    wider = changed("conv: {type: conv2d, out_channels: 4", "conv: {type: conv2d, out_channels: 6")
    assert affected_text(wider) == (
        "4 other layers are affected: 3 with other sizes of weights (+20 parameters), 1 with other shapes"
    )
