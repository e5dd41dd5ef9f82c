"""Digests of a network: what changes each of them, and what does not."""

from __future__ import annotations

import pytest

import netspec
from netspec.graph.digest import Digests, digests

BASE = """
netspec: 1
inputs: {image: [3, 8, T], other: [3, 8, T]}
layers:
  conv: {type: conv2d, out_channels: 4, kernel_size: 3, padding: 1, from: image}
  side: {type: conv2d, out_channels: 4, kernel_size: 3, padding: 1, from: other}
  sum: {type: add, from: [conv, side]}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
  spare: {type: linear, out_features: 2, from: pool}
outputs: {logits: fc, features: pool}
"""
ALL = ("interface", "function", "names", "training")


def of(*edits: tuple[str, str]) -> Digests:
    text = BASE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return digests(netspec.load(text))


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (("kernel_size: 3, padding: 1", "padding: [1, 1], kernel_size: [3, 3], bias: true"), ()),
        (("8, T]", "8, S]"), ()),
        (("[conv, side]", "[side, conv]"), ()),
        (("side", "second"), ("names",)),
        (("fc", "head"), ("names",)),
        (("spare", "unused"), ("names",)),
        (("out_features: 2", "out_features: 3"), ("names",)),
        (("image", "picture"), ("interface",)),
        (("logits", "scores"), ("interface",)),
        (("out_features: 5", "out_features: 5, init: zeros"), ("training",)),
        (("out_features: 5", "out_features: 5, freeze: true"), ("training",)),
        (("out_features: 5", "out_features: 5, bias: false"), ("function",)),
        (("out_features: 5", "out_features: 6"), ("interface", "function")),
        (("type: add", "type: subtract"), ("function",)),
        (("{image: [3, 8, T], other: [3, 8, T]}", "{other: [3, 8, T], image: [3, 8, T]}"), ("interface", "names")),
        (("logits: fc, features: pool", "features: pool, logits: fc"), ("interface", "function")),
        (("from: other}", "from: image}"), ("function",)),
        (("from: other}", "from: other, share: conv}"), ("function",)),
    ],
)  # fmt: skip
def test_what_changes_a_digest(edit: tuple[str, str], changed: tuple[str, ...]) -> None:
    before, after = of(), of(edit)
    different = {name for name in ALL if getattr(before, name) != getattr(after, name)}
    if "function" in changed:  # names are those of the layers of one function
        different.discard("names")
    assert different == set(changed)


def test_the_order_of_three_terms_counts() -> None:
    three = ("sum: {type: add, from: [conv, side]}", "sum: {type: add, from: [conv, side, image1]}")
    more = ("sum:", "image1: {type: conv2d, out_channels: 4, kernel_size: 1, from: image}\n  sum:")
    a = of(three, more)
    b = of(three, more, ("[conv, side, image1]", "[side, conv, image1]"))
    assert a.function != b.function


def test_digests_are_the_same_everywhere() -> None:
    """Written down: another value is another `VERSION`."""
    assert of() == Digests(
        "1:d97551a9ff0c60d84930c5ef26612a12fbb1c024135e8a338719b790080d3a53",
        "1:07642d07e553e7a8a285f405144b8694d47c646aeb457bf5f92ea0e7f714eedb",
        "1:0b88a4431986a6b5fa82598f13b8da6754b151ca2e60aeca6f63f07519928942",
        "1:32b46faaa2eaddb25b437fc4057ce83a39028781116cff80a219ccbfab19bcd6",
    )


def test_digests_of_a_cell_are_the_same_everywhere() -> None:
    text = (
        "netspec: 1\ninputs: {x: [T, 3]}\nlayers:\n  rnn: {type: gru, hidden: 4, num_layers: 2, bidirectional: true}\n"
    )
    assert digests(netspec.load(text)).function == "1:76fdd2620d8a1bc11ca78201ca8416a4638c6d7edea71aab43097c15dc2ead85"
    assert digests(netspec.load(text)).names == "1:4a43c1d1de3857d1d12a6619e9937379895e5b59a4efd6407738978d80c4de5c"
