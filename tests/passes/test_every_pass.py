"""Every pass of the folder: it keeps what a network computes; and a pass that is wrong is caught, with its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import netspec
from netspec import NetspecError
from netspec.graph.model import Graph, Ref
from netspec.passes.declare import Pass, Property
from netspec.passes.inference import inference_passes, ordered, run
from netspec.passes.properties import without_dead_nodes, without_identities
from tests.differential.draw import draw, text_of
from tests.passes.carrying import HEAD, carrying, prepared, same_values

PASSES = {step.name: step for step in inference_passes()}
FILES = Path(netspec.__file__).parents[1] / "architectures"
NETWORKS = {str(seed): text_of(draw(seed)) for seed in range(24)}
NETWORKS["digits_resnet"] = (FILES / "digits_resnet.yaml").read_text(encoding="utf-8")
PLAIN = HEAD + ("  i: identity\n  c: {type: conv2d, out_channels: 4, kernel_size: 1}\n  n: batch_norm2d\n  r: relu\n")


def test_every_pass_has_its_test() -> None:
    here = Path(__file__).parent
    assert [name for name in PASSES if not (here / f"test_{name}.py").exists()] == []


def test_a_pass_comes_behind_those_that_ensure_what_it_requires() -> None:
    ensured: set[Property] = set()
    of_all = {holds for step in PASSES.values() for holds in step.ensures}
    for step in PASSES.values():
        assert {*step.requires} & of_all <= ensured, step.name
        ensured |= {*step.ensures}
    first, last = Pass(shrinks, (), (without_dead_nodes,)), Pass(broken, (without_dead_nodes,), ())
    assert ordered([last, first]) == (first, last)


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_keeps_the_values_of_random_networks(name: str) -> None:
    for case, text in NETWORKS.items():
        try:
            graph, _ = carrying(text)
        except NetspecError:
            continue  # some are wrong on purpose
        before = prepared(graph, PASSES[name])
        after = PASSES[name](before)
        try:
            same_values(before, after)
        except AssertionError as error:
            raise AssertionError(f"network {case}:\n{text}") from error


def without(graph: Graph, *names: str) -> Graph:
    """The node list made by hand: nodes are left out, and their readers read what they read."""
    instead = {name: graph[name].inputs[0] for name in names}
    nodes = [replace(n, inputs=tuple(instead.get(r.node, r) for r in n.inputs)) for n in graph.nodes()
             if n.name not in names]  # fmt: skip
    return graph.rebuilt(nodes, {k: instead.get(r.node, r) for k, r in graph.outputs.items()}, graph.weights)


def loses_an_origin(graph: Graph) -> Graph:
    return without(graph, "r")


def loses_an_earlier_origin(graph: Graph) -> Graph:
    """Of a node that an earlier pass made."""
    nodes = [replace(node, origin=()) for node in graph.nodes()]
    return graph.rebuilt(nodes, graph.outputs, graph.weights)


def forgets_what_was_removed(graph: Graph) -> Graph:
    return replace(graph, removed={})


def breaks_a_use(graph: Graph) -> Graph:
    return graph.rebuilt([n for n in graph.nodes() if n.name != "c"], graph.outputs, graph.weights)


def breaks_an_output(graph: Graph) -> Graph:
    return replace(graph, outputs={})


def shrinks(graph: Graph) -> Graph:
    nodes = [replace(n, layer=replace(n.layer, out_channels=3)) if n.kind == "conv2d" else n for n in graph.nodes()]
    return graph.rebuilt(nodes, graph.outputs, graph.weights)


def renames(graph: Graph) -> Graph:
    nodes = [replace(n, name="new", origin=()) if n.name == "r" else n for n in graph.nodes()]
    after = graph.rebuilt(nodes, {"r": Ref("new")}, graph.weights)
    return replace(after, removed={**after.removed, "r": "dead"})


def drops_a_weight(graph: Graph) -> Graph:
    return graph.with_weights({k: v for k, v in graph.weights.items() if k != "c.bias"})


WRONG = {
    loses_an_origin: "`r` is lost: it is in no node's origin, and not named as removed",
    loses_an_earlier_origin: "`n` is lost: it is in no node's origin, and not named as removed",
    forgets_what_was_removed: "`i` is lost: it is in no node's origin, and not named as removed",
    breaks_a_use: "`r` reads `c`, which the graph has not",
    breaks_an_output: "the network has other outputs than before",
    shrinks: r"`c` has outputs .*, its rule gives ",
    renames: "`new` was not there before and has no origin",
    drops_a_weight: r"weight `c\.bias` is missing or not of shape \(4,\)",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda function: function.__name__)
def test_a_wrong_pass_is_caught_with_its_name(wrong: Callable[[Graph], Graph]) -> None:
    graph, _ = carrying(PLAIN)
    good = run(inference_passes(), graph)
    with pytest.raises(NetspecError, match=f"NS502 pass {wrong.__name__} left a wrong graph: {WRONG[wrong]}"):
        run([Pass(wrong, (), ())], good)


def test_what_a_pass_requires_and_ensures_is_held() -> None:
    graph, _ = carrying(PLAIN)
    fold = PASSES["fold_batch_norm"]
    with pytest.raises(NetspecError, match=r"NS502 pass fold_batch_norm requires carries_weights: `c\.weight` has no"):
        run([fold], netspec.load(PLAIN))
    with pytest.raises(NetspecError, match="pass fold_batch_norm requires without_identities: identity `i` is there"):
        run([fold], graph)
    with pytest.raises(NetspecError, match="pass broken left a wrong graph: it is no longer without_identities"):
        run([Pass(broken, (), (without_identities,))], graph)


def broken(graph: Graph) -> Graph:
    """It promises what it does not do."""
    return graph
