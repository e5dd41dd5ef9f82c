"""Both networks of a difference in one picture: nothing is lost, nothing stands twice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from netspec.report.picture.layers import network_tree
from netspec.report.picture.tree import BORDER, DrawnLayer, Interior
from netspec.report.picture.union import Union
from netspec.report.plot.svg import render
from netspec.review.diff import compare
from netspec.review.difference import Difference, Side
from netspec.spec import load
from tests.review.edits import ALL, texts
from tests.review.random_networks import drawn

ARCHITECTURES = sorted(Path("architectures").glob("*.yaml"))


def leaves(body: Interior, times: int = 1) -> Counter[str]:
    """How many layers have each status, every copy counted."""
    counts: Counter[str] = Counter()
    for unit in body.units:
        if isinstance(unit.inside, DrawnLayer):
            if unit.kind not in ("input", "output"):
                counts[unit.inside.status] += times * unit.copies
        else:
            counts += leaves(unit.inside, times * unit.copies)
    return counts


def check(difference: Difference) -> None:
    matching, body = difference.matching, Union(difference).tree()
    expected = Counter(change.status for change in (*difference.layers, *difference.affected))
    expected[""] = len(list(matching.after.layers())) - sum(n for status, n in expected.items() if status != "removed")
    assert leaves(body) == +expected
    check_links(body)


def check_links(body: Interior) -> None:
    """Every end is there, and a box has one link into each of its inputs."""
    inputs = Counter((link.target.unit, link.target.slot) for link in body.links)
    for link in body.links:
        assert all(BORDER <= end.unit < len(body.units) for end in (link.source, link.target))
        assert inputs[link.target.unit, link.target.slot] == 1
    for unit in body.units:
        if isinstance(unit.inside, Interior):
            check_links(unit.inside)


@pytest.mark.parametrize(("old", "new"), list(pairwise(ARCHITECTURES)), ids=lambda path: path.stem)
def test_every_layer_of_both_networks_is_drawn_once(old: Path, new: Path) -> None:
    check(compare(load(old), load(new)))
    check(compare(load(new), load(old)))


def test_the_same_network_has_no_marks() -> None:
    for path in ARCHITECTURES:
        graph = load(path)
        assert set(leaves(Union(compare(graph, graph)).tree())) == {""}


def test_a_network_against_none() -> None:
    graph = load("architectures/resnet18.yaml")
    there, nothing = Side("net.yaml", graph), Side("net.yaml")
    assert set(leaves(Union(compare(nothing, there)).tree())) == {"added"}
    assert set(leaves(Union(compare(there, nothing)).tree())) == {"removed"}


@pytest.mark.parametrize("turned", [False, True])
def test_a_layer_and_a_container_of_one_name(turned: bool) -> None:
    """What was removed stands beside what has its name now, whichever of them is the container."""
    head, tail = "netspec: 1\ninputs: {x: [8]}\nlayers:\n", "  fc: {type: linear, out_features: 2}\n"
    networks = [
        load(head + "  mid: {type: sequence, layers: {p: {type: linear, out_features: 7}, q: tanh}}\n" + tail),
        load(head + "  mid: {type: layer_norm}\n" + tail),
    ]
    difference = compare(*(reversed(networks) if turned else networks))
    assert {change.status for change in difference.layers} >= {"added", "removed"}
    check(difference)
    shown = [unit.label for unit in Union(difference).tree().units]
    assert sum(label.startswith("mid") for label in shown) == 2


@given(texts(*ALL), texts(*ALL))
@settings(max_examples=60, deadline=None)
def test_edits_lose_nothing(before: str, after: str) -> None:
    check(compare(load(before), load(after)))


@pytest.mark.parametrize("seed", range(40))
def test_any_two_networks_lose_nothing(seed: int) -> None:
    networks = [case[1] for case in map(drawn, (seed, seed + 1000)) if case]
    check(compare(networks[0], networks[-1]))
    body = network_tree(networks[0])
    check_links(body)
    assert leaves(body) == {"": len(list(networks[0].layers()))}
    svg = "\n".join(render(networks[0]))
    assert ElementTree.fromstring(svg).tag.endswith("svg")
