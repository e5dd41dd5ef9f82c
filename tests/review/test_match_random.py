"""Properties of matching, on random networks."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.graph.digest import digests
from netspec.graph.model import Graph, Node, Ref
from netspec.layers import kinds
from netspec.review.difference import Matching
from netspec.review.match.networks import match
from tests.differential.trial import Trial, axes_of, inputs_of
from tests.review.networks import outputs_with_weights_of
from tests.review.random_networks import drawn, renamed, rewired, shuffled, with_nodes

SEEDS = st.integers(0, 10_000)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_network_is_itself(seed: int) -> None:
    if (case := drawn(seed)) is not None:
        same = match(case[1], case[1])
        assert same.same_function
        assert same.names == {node.name: node.name for node in case[1].layers()}
        assert all(a == b for names in (same.containers, same.inputs, same.outputs) for a, b in names.items())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_renames_and_another_order_of_the_file_are_no_other_function(seed: int) -> None:
    if (case := drawn(seed)) is None:
        return
    rng = random.Random(seed)
    other, names = renamed(shuffled(case[1], rng), rng)
    same = match(case[1], other)
    assert same.same_function
    assert same.inputs == {name: names[name] for name in case[1].inputs}
    assert digests(case[1]).function == digests(other).function
    assert digests(case[1]) == digests(shuffled(case[1], rng))
    in_order, names = renamed(case[1], rng)
    assert match(case[1], in_order).names.items() <= names.items()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_weights_carried_over_give_the_same_outputs(seed: int) -> None:
    if (case := drawn(seed)) is None:
        return
    document, graph = case
    assert_equal_outputs(document, match(graph, renamed(graph, random.Random(seed))[0]))


def assert_equal_outputs(document: dict[str, Any], matching: Matching) -> None:
    """With the weights of the older network the newer gives the same outputs, to the last bit."""
    inputs = inputs_of(document, Trial(2, tuple((name, 7) for name in axes_of(document)), 1))
    try:
        left, right = outputs_with_weights_of(matching, inputs)
    except netspec.NetspecError:
        return  # an axis of 7 is too short or too long
    for name, value in left.items():
        assert torch.allclose(value, right[matching.outputs[name]], rtol=0, atol=0, equal_nan=True)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_what_is_said_to_be_the_same_function_is(seed: int) -> None:
    """Other inputs, inputs in another order, shared weights: mostly another function; where not, equal outputs."""
    if (case := drawn(seed)) is None:
        return
    document, graph = case
    rng = random.Random(seed)
    for other in filter(None, [rewired(graph, rng) for _ in range(6)]):
        result = match(graph, other)
        assert result.mirrored() == match(other, graph)
        if result.same_function:
            assert_equal_outputs(document, result)


@settings(max_examples=30, deadline=None)
@given(SEEDS, SEEDS)
def test_the_other_way_round_it_is_mirrored(seed: int, other: int) -> None:
    a, b = drawn(seed), drawn(other)
    if a is not None and b is not None:
        assert match(a[1], b[1]).mirrored() == match(b[1], a[1])
        edited = with_a_layer_more(a[1], random.Random(seed))[0]
        assert match(a[1], edited).mirrored() == match(edited, a[1])


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_layer_more_leaves_all_others_what_they_are(seed: int) -> None:
    if (case := drawn(seed)) is not None:
        edited, added = with_a_layer_more(case[1], random.Random(seed))
        same = match(case[1], edited)
        assert same.names == {node.name: node.name for node in case[1].layers()}, added


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_layer_of_another_kind_is_one_changed_layer(seed: int) -> None:
    if (case := drawn(seed)) is None:
        return
    graph, rng = case[1], random.Random(seed)
    weightless = [n for n in graph.layers() if len(n.inputs) == 1 and "" in n.outputs and not graph.weights_of(n)]
    if weightless:
        chosen = rng.choice(weightless)
        kind = kinds()["mish" if chosen.kind != "mish" else "relu6"]()
        edited = with_nodes(graph, [replace(n, layer=kind) if n is chosen else n for n in graph.nodes()])
        assert match(graph, edited).names == {node.name: node.name for node in graph.layers()}


def with_a_layer_more(graph: Graph, rng: random.Random) -> tuple[Graph, str]:
    """An `identity` behind a random node, in front of all or of some of its readers."""
    behind = rng.choice([node for node in graph.nodes() if "" in node.outputs])
    identity = kinds()["identity"]()
    added = Node("added", identity, (Ref(behind.name),), {"": behind.type})
    nodes = []
    for node in graph.nodes():
        inputs = tuple(Ref("added") if ref == Ref(behind.name) else ref for ref in node.inputs)
        nodes.append(node if rng.random() < 0.2 else replace(node, inputs=inputs))
        if node is behind:
            nodes.append(added)
    outputs = {name: Ref("added") if ref == Ref(behind.name) else ref for name, ref in graph.outputs.items()}
    return with_nodes(graph, nodes, outputs), f"behind {behind.name}"
