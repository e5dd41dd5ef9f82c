"""A lock holds all that a comparison needs: read back, it is the network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netspec
from netspec.graph.cost import cost_of
from netspec.graph.model import Graph
from netspec.layers import kinds
from netspec.review.diff import compare
from netspec.review.difference import Side, Verdict
from netspec.review.lock.locked import read_lock
from netspec.review.lock.lockfile import RESULTS, lock_text
from netspec.source.errors import NetspecError
from netspec.source.records import fields_of
from netspec.source.text import Source
from netspec.spec import Spec
from tests.differential.draw import draw, text_of
from tests.frontend.test_property import SEEDS

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "architectures").glob("*.yaml"), *(ROOT / "tests" / "differential" / "found").glob("*.yaml")])
NET = """netspec: 1
name: net
inputs: {x: [T, 4], lengths: {shape: [], dtype: int64}}
cells:
  mine:
    state: {h: hidden}
    output: h
    weights: {W: [hidden, hidden + input]}
    equations: ["h[t] = tanh(W @ [h[t-1], x[t]])"]
blocks:
  pair: {layers: {fc: {type: linear, out_features: 8}, act: relu}}
layers:
  rnn: {type: recurrent, cell: mine, hidden: 6, from: {input: x, lengths: lengths}}
  pairs: {type: pair, repeat: 2}
  head: {type: linear, out_features: 3, init: {weight: {type: normal, std: 0.1}}, freeze: true}
outputs: {y: head, state: rnn.state}
"""


def lock_of(spec: Spec) -> str:
    return lock_text(spec, spec.document, "net.yaml")


def read(text: str) -> Graph:
    return read_lock(Source("net.lock", text))


def assert_read_back(spec: Spec) -> None:
    text = lock_of(spec)
    graph = read(text)
    assert lock_text(graph, spec.document, "net.yaml") == text
    for node, locked in zip(spec.nodes(), graph.nodes(), strict=True):
        assert (node.name, node.scope, node.inputs, node.outputs, node.share, dict(node.init), node.freeze) == (
            locked.name, locked.scope, locked.inputs, locked.outputs, locked.share, dict(locked.init), locked.freeze
        )  # fmt: skip  # a table
        assert cost_of(spec, node) == cost_of(graph, locked)
    assert spec.scopes == graph.scopes and spec.outputs == graph.outputs
    assert compare(Side("net.lock", graph), Side("net.lock", read(text))).verdict is Verdict.SAME_NETWORK


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_read_back(path: Path) -> None:
    assert_read_back(netspec.load(path))


@pytest.mark.parametrize("text", [NET, *SEEDS[-2:]])
def test_texts_are_read_back(text: str) -> None:
    assert_read_back(netspec.load(text))


@pytest.mark.parametrize("seed", range(150))
def test_random_networks_are_read_back(seed: int) -> None:
    try:
        spec = netspec.load(text_of(draw(seed)))
    except NetspecError:
        return  # drawn to be refused
    assert_read_back(spec)


def test_a_lock() -> None:
    text = re.sub(r"1:[0-9a-f]{64}", "1:…", lock_of(netspec.load(NET)))
    assert text == (Path(__file__).parent / "net.lock").read_text(encoding="utf-8")


def test_no_kind_has_a_key_that_a_lock_has_for_results() -> None:
    for name, cls in kinds().items():
        assert not set(RESULTS) & set(fields_of(cls)), name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lock: 1", "lock: 2", "net.lock:2:7: NS108 is a lock of version 2, this netspec writes version 1"),
        ("lock: 1", "netspec: 1", "net.lock: NS108 is no lock of netspec"),
        ("layers:", "<<<<<<< ours\nlayers:", "NS108 not YAML"),
        (
            "out_features: 3",
            "out_features: 4",
            "NS108 is not the network of its digests",
        ),
        ("type: relu", "type: rellu", "NS108 layer `pairs.0.act` has no kind that this netspec knows"),
        ("hidden: 6", "hiden: 6", "NS108 `rnn` has no key `hiden`"),
        ("from: [x, lengths]", "from: [z, lengths]", "NS108"),
        ("outputs:", "out:", "NS108 `outputs` is missing, or no mapping"),
        ("y: {from: head", "y: {from: tail", "NS108"),
        ("  x: [T, 4]", "  x: [T, four!]", "NS108"),
        ("{type: linear, out_features: 3", "[linear, 3", "NS108"),
        ("init: {weight: {type: normal", "init: {weight: {type: strange", "NS108"),
    ],
)
def test_broken_locks_are_refused(old: str, new: str, message: str) -> None:
    text = lock_of(netspec.load(NET))
    assert old in text
    with pytest.raises(NetspecError) as error:
        read(text.replace(old, new, 1))
    assert message in str(error.value) and "NS108" in str(error.value)
    assert "`netspec lock` writes it anew" in str(error.value) or "name a netspec file" in str(error.value)


def test_digests_of_another_version_are_not_compared() -> None:
    text = lock_of(netspec.load(NET))
    assert read(text.replace(": 1:", ": 0:")).outputs == read(text).outputs
