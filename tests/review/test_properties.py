"""What holds of the difference of any two networks."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings

import netspec
from netspec.graph.model import Graph
from netspec.review.difference import Change, Difference, LayerChange, Verdict
from tests.review.edits import ALL, ARCHITECTURE, BASE, SAME_FUNCTION, texts
from tests.review.random_networks import drawn, renamed, shuffled
from tests.review.test_weight_fates import compared, outputs_differ_by

MIRROR = {"added": "removed", "removed": "added"}


@given(texts(*ALL), texts(*ALL))
@settings(max_examples=50, deadline=None)
def test_the_other_way_round_is_the_mirror(before: str, after: str) -> None:
    there, back = compared(before, after), compared(after, before)
    assert (there.verdict, there.headline) == (back.verdict, back.headline)
    assert _layers(there.layers) == _layers(back.layers, mirrored=True)
    assert _layers(there.affected) == _layers(back.affected, mirrored=True)
    assert _changes(there.interface) == _changes(back.interface, mirrored=True)
    assert _changes(there.totals) == _changes(back.totals, mirrored=True)
    weights, other = there.weights, back.weights
    for fates, mirror in ((weights.by_structure, other.by_structure), (weights.sliced, other.sliced)):
        assert {(b, a) for a, b in fates.items()} == set(mirror.items())
    assert (set(weights.new), set(weights.lost)) == (set(other.lost), set(other.new))
    assert set(weights.by_name) == set(other.by_name)
    assert sorted((e.status, e.count) for e in there.entries) == sorted(
        (MIRROR.get(e.status, e.status), e.count) for e in back.entries
    )


def _layers(layers: Iterable[LayerChange], mirrored: bool = False) -> set[tuple[object, ...]]:
    return {
        (
            MIRROR.get(layer.status, layer.status) if mirrored else layer.status,
            *[
                node and node.name
                for node in ((layer.after, layer.before) if mirrored else (layer.before, layer.after))
            ],
            _changes(layer.changes, mirrored),
            _changes(layer.effects, mirrored),
        )
        for layer in layers
    }


def _changes(changes: Iterable[Change], mirrored: bool = False) -> frozenset[tuple[str, str, str]]:
    """What changed; a name changes from one to the other either way, and an order is of the names that a side has."""
    return frozenset((c.what, *map(str, (c.after, c.before) if mirrored else (c.before, c.after))) for c in changes)


SPLIT = "netspec: 1\ninputs: {x: [4, 6]}\nlayers: {s: {type: split, num: 2, dim: 1}, r: {type: relu, from: s.0}}\n"


def test_an_output_of_a_layer_that_is_no_more_is_told() -> None:
    after = SPLIT.replace("{type: split, num: 2, dim: 1}", "silu").replace("s.0", "s")
    there, back = compared(SPLIT, after), compared(after, SPLIT)
    assert _layers(there.layers) == _layers(back.layers, mirrored=True)
    assert {c.what for layer in there.layers for c in layer.effects} >= {"shape of 0", "shape of 1", "shape"}


@pytest.mark.parametrize("seed", range(12))
def test_it_holds_of_random_networks_under_other_names(seed: int) -> None:
    found = drawn(seed)
    if found is None:
        pytest.skip("netspec does not take this one")
    graph, rng = found[1], random.Random(seed)
    other, _ = renamed(graph, rng)
    there, back = netspec.diff(graph, other), netspec.diff(other, graph)
    assert there.verdict is back.verdict is Verdict.SAME_FUNCTION and not there.affected
    assert _layers(there.layers) == _layers(back.layers, mirrored=True)
    assert {layer.name for entry in there.entries for layer in entry.layers} == {layer.name for layer in there.layers}
    assert netspec.diff(graph, shuffled(graph, rng)).verdict in (Verdict.SAME_NETWORK, Verdict.SAME_FUNCTION)


@given(texts(*ALL))
@settings(max_examples=25, deadline=None)
def test_nothing_different_is_equal_in_all_that_counts(text: str) -> None:
    difference = compared(BASE, text)
    before, after = difference.matching.before, difference.matching.after
    if not difference:
        assert _interface(before) == _interface(after)
        assert dict(difference.weights.by_structure) == {n: n for n in netspec.to_torch(before).state_dict()}
    if difference.verdict is not Verdict.ARCHITECTURE:
        assert outputs_differ_by(difference) == 0.0
    if difference.verdict is Verdict.LEARNING:
        assert netspec.to_torch(before).state_dict().keys() == netspec.to_torch(after).state_dict().keys()


def _interface(graph: Graph) -> list[list[tuple[str, str]]]:
    """What an exported model takes and gives: names, order, types and shapes."""
    model = netspec.to_onnx(graph, netspec.to_torch(graph))
    return [[(value.name, str(value.type)) for value in values] for values in (model.graph.input, model.graph.output)]


@given(texts(SAME_FUNCTION))
@settings(max_examples=25, deadline=None)
def test_renames_and_other_spellings_are_renames_alone(text: str) -> None:
    difference = compared(BASE, text)
    assert difference.verdict in (Verdict.SAME_NETWORK, Verdict.SAME_FUNCTION)
    assert {layer.status for layer in difference.layers} <= {"renamed"} and not difference.affected
    assert not difference.interface and not [c for c in difference.totals if c.before != c.after]


def test_every_edit_of_the_architecture_is_seen() -> None:
    for edit in ARCHITECTURE:
        difference = compared(BASE, BASE.replace(*edit))
        assert _is_seen(difference), edit


def _is_seen(difference: Difference) -> bool:
    return difference.verdict is Verdict.ARCHITECTURE and bool(difference.entries or difference.interface)
