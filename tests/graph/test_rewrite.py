"""Nodes taken out and replaced: readers, outputs, weights and origins follow; a use is never left without its node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netspec
from netspec import NetspecError
from netspec.graph.model import Graph, Ref
from netspec.graph.rewrite import Rewrite
from netspec.graph.verify import verify, verify_change
from netspec.layers import kinds
from tests.passes.carrying import carrying

TEXT = """netspec: 1
inputs: {x: [4]}
layers:
  a: {type: linear, out_features: 4}
  b: {type: linear, out_features: 4}
  i: identity
  r: relu
  s: {type: add, from: [i, r]}
outputs: {y: s, z: i}
"""


@pytest.fixture
def graph() -> Graph:
    return carrying(TEXT)[0]


def layers(graph: Graph) -> list[str]:
    return [node.name for node in graph.layers()]


def test_a_bypassed_node_is_read_no_more(graph: Graph) -> None:
    rewrite = Rewrite(graph)
    rewrite.bypass(graph["i"], "identity")
    after = rewrite.done()
    assert layers(after) == ["a", "b", "r", "s"]
    assert after["s"].inputs == (Ref("b"), Ref("r"))
    assert after["r"].inputs == (Ref("b"),)
    assert after.outputs == {"y": Ref("s"), "z": Ref("b")}
    assert after.removed == {"i": "identity"}
    assert list(after.nx.edges(data="position")) == [("x", "a", 0), ("a", "b", 0), ("b", "r", 0), ("b", "s", 0),
                                                     ("r", "s", 1)]  # fmt: skip
    verify(after)
    verify_change(graph, after)
    assert layers(graph) == ["a", "b", "i", "r", "s"], "the graph that was rewritten has changed"


def test_bypassed_one_behind_the_other() -> None:
    graph = netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers: {a: identity, b: identity, c: relu, d: identity}\n")
    rewrite = Rewrite(graph)
    for node in rewrite:
        if node.kind == "identity":
            rewrite.bypass(node, "identity")
    after = rewrite.done()
    assert after["c"].inputs == (Ref("x"),)
    assert after.outputs == {"d": Ref("c")}
    verify_change(graph, after)


@pytest.mark.parametrize("name", ["a", "b"])
def test_two_nodes_become_one_under_either_name(graph: Graph, name: str) -> None:
    rewrite = Rewrite(graph)
    merged = replace(graph["b"], name=name, inputs=graph["a"].inputs)
    values = {"weight": np.eye(4, dtype=np.float32), "bias": np.ones(4, np.float32)}
    rewrite.replace(graph["a"], graph["b"], by=merged, weights=values)
    after = rewrite.done()
    assert layers(after) == [name, "i", "r", "s"]
    assert after[name].origin == ("a", "b")
    assert after["i"].inputs == (Ref(name),)
    assert after.weights == {f"{name}.weight": values["weight"], f"{name}.bias": values["bias"]}
    verify(after)
    verify_change(graph, after)
    again = Rewrite(after)
    again.replace(after[name], after["i"], by=replace(after[name], name="i"), weights=values)
    assert again.done()["i"].origin == ("a", "b", "i")


def test_a_replaced_node_may_be_an_output(graph: Graph) -> None:
    rewrite = Rewrite(graph)
    rewrite.replace(
        graph["b"], graph["i"], by=graph["b"], weights={k: graph.weights[f"b.{k}"] for k in ("weight", "bias")}
    )
    after = rewrite.done()
    assert after.outputs == {"y": Ref("s"), "z": Ref("b")}
    assert after["b"].origin == ("b", "i")
    verify(after)
    verify_change(graph, after)


def test_removed_origins_are_named() -> None:
    graph = netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers: {a: identity, b: relu, c: {type: tanh, from: x}}\n")
    rewrite = Rewrite(graph)
    rewrite.replace(graph["a"], graph["b"], by=replace(graph["b"], inputs=(Ref("x"),)))
    rewrite = Rewrite(rewrite.done())
    rewrite.remove(rewrite["b"], "dead")
    assert rewrite.done().removed == {"a": "dead", "b": "dead"}


REFUSED = {
    "remove": "`b` cannot be removed: `i` reads it",
    "remove_output": "`s` cannot be removed: it is an output",
    "bypass": "`s` cannot be bypassed: what it gives is not of its input's type",
    "inner": "`i` cannot be replaced: `s` reads it, it is an output",
    "name": "`other` is none of `i`, `r` and cannot replace them",
    "itself": "`b` cannot read `a`, which it replaces",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_leave_a_use_open_is_refused(graph: Graph, case: str) -> None:
    rewrite = Rewrite(graph)
    with pytest.raises(NetspecError, match=f"NS502 {REFUSED[case]}"):
        if case == "remove":
            rewrite.remove(graph["b"], "dead")
        elif case == "remove_output":
            rewrite.remove(graph["s"], "dead")
        elif case == "bypass":
            rewrite.bypass(graph["s"], "identity")
        elif case == "inner":
            rewrite.replace(graph["i"], graph["r"], by=graph["r"])
        elif case == "name":
            rewrite.replace(graph["i"], graph["r"], by=replace(graph["r"], name="other"))
        else:
            rewrite.replace(graph["a"], graph["b"], by=graph["b"])


def test_weights_that_another_shares_are_not_taken_away() -> None:
    graph = netspec.load(
        "netspec: 1\ninputs: {x: [4]}\nlayers:\n  a: {type: linear, out_features: 4}\n"
        "  b: {type: linear, out_features: 4, share: a, from: x}\noutputs: {y: b}\n"
    )
    rewrite = Rewrite(graph)
    with pytest.raises(NetspecError, match="NS502 `a` cannot be removed: `b` shares its weights"):
        rewrite.remove(graph["a"], "dead")
    with pytest.raises(NetspecError, match="NS502 `a` cannot be replaced: `b` shares its weights"):
        rewrite.replace(graph["a"], by=replace(graph["a"], layer=kinds()["relu"]()))
