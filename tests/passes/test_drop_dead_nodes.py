"""Layers that no output needs are gone; one whose weight is shared stays."""

from __future__ import annotations

from netspec.passes.drop_dead_nodes import drop_dead_nodes
from tests.passes.carrying import HEAD, carrying, same_values

DEAD = "  b: {type: conv2d, from: x, out_channels: 2, kernel_size: 1}\n  e: relu\n"


def test_they_are_gone() -> None:
    graph, _ = carrying(HEAD + "  a: relu\n" + DEAD + "outputs: {y: a}\n")
    after = drop_dead_nodes(graph)
    assert [n.name for n in after.layers()] == ["a"]
    assert after.removed == {"e": "dead", "b": "dead"}
    same_values(graph, after)


def test_the_owner_of_a_shared_weight_stays() -> None:
    graph, _ = carrying(
        HEAD + DEAD + "  a: {type: conv2d, from: x, out_channels: 2, kernel_size: 1, share: b}\noutputs: {y: a}\n"
    )
    after = drop_dead_nodes(graph)
    assert [n.name for n in after.layers()] == ["b", "a"]
    same_values(graph, after)
