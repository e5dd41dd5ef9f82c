"""The graph that comes of a text: verified, within its budget, its costs against torch's own count."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import networkx
import pytest

import netspec
from netspec.graph.amount import read_amount
from netspec.graph.cost import depth, total
from netspec.graph.model import Graph, Ref
from netspec.graph.verify import verify
from netspec.shapes.tensor import TensorType
from netspec.source.text import Source
from netspec.source.tree import parse

NET = "netspec: 1\ninputs: {x: [8]}\nlayers:\n  fc: {type: linear, out_features: 4}\n  relu: relu\n"


def broken(**changes: object) -> Graph:
    """A graph whose last node is not what its layer says."""
    graph = netspec.load(NET)
    nodes = list(graph.nodes())
    return graph.rebuilt([*nodes[:-1], replace(nodes[-1], **changes)], graph.outputs, {})  # type: ignore[arg-type]


def test_verification() -> None:
    verify(netspec.load(NET))
    x = netspec.load(NET).inputs["x"]
    with pytest.raises(netspec.NetspecError, match="NS502 `relu` has outputs"):
        verify(broken(outputs={"": TensorType(x.shape)}))
    with pytest.raises(netspec.NetspecError, match=r"NS502 `relu` reads `fc\.state`, which does not stand before it"):
        verify(broken(inputs=(Ref("fc", "state"),)))
    with pytest.raises(netspec.NetspecError, match="NS502 the graph has a cycle"):
        verify(broken(inputs=(Ref("relu"),)))
    graph = netspec.load(NET)
    with pytest.raises(netspec.NetspecError, match="NS502 output `y` is `z`, which the graph has not"):
        verify(graph.rebuilt(list(graph.nodes()), {"y": Ref("z")}, {}))
    with pytest.raises(netspec.NetspecError, match=r"NS502 weight `fc\.weight` is missing"):
        verify(graph.rebuilt(list(graph.nodes()), graph.outputs, {"other": None}))


AMOUNTS = {
    **{
        "61706": 61706,
        "12M": 12_000_000,
        "4.1G": 4_100_000_000,
        "0.5 k": 500,
        "3KB": 3000,
        "1MiB": 10**6,
        "2T": 2 * 10**12,
    },
    **{"1e3": 1000, "1e15": 10**15, "0": 0},
    **dict.fromkeys(["1.5", "-1", "-1.0", "true", "12X", "[1]", "''", "0.0001k", ".inf", ".nan", "-2.0"]),
}


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts(text: str) -> None:
    assert read_amount(parse(Source("t", text))) == AMOUNTS[text]


@pytest.mark.parametrize("body", ["{type: linear, out_features: 8}", "relu"])
def test_work_grows_with_the_layers(body: str) -> None:
    """A long chain is no special case, whichever way it is written."""
    lines = "".join(f"  l{i}: {body}\n" for i in range(20_000))
    started = time.perf_counter()
    assert len(netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n{lines}")) == 20_001
    assert time.perf_counter() - started < 30


def test_wrong_references_by_the_thousand_end_soon() -> None:
    started = time.perf_counter()
    lines = "".join(f"  l{i}: {{type: relu, from: l{19_999 - i}}}\n" for i in range(20_000))
    with pytest.raises(netspec.NetspecError, match=r"NS310|NS308"):
        netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n{lines}")
    lines = "".join(f"  l{i}: {{type: relu, from: k{i}}}\n" for i in range(20_000))
    with pytest.raises(netspec.NetspecError, match="NS308"):
        netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n{lines}")
    assert time.perf_counter() - started < 30


def test_formulas_cannot_grow_for_ever() -> None:
    started = time.perf_counter()
    text = (
        "netspec: 1\ninputs: {x: [3, T]}\nlayers:\n  r:\n    type: sequence\n    repeat: 400\n"
        "    layers: {u: {type: upsample, scale_factor: 3}, d: {type: max_pool1d, kernel_size: 2}}\n"
    )
    with pytest.raises(
        netspec.NetspecError, match="NS403 max_pool1d gives an axis whose formula has more than 100 parts"
    ):
        netspec.load(text)
    assert time.perf_counter() - started < 5


def test_doubling_texts_and_lists_end_soon() -> None:
    """What a parameter holds cannot double from block to block."""
    for value, code in (("'$(s)$(s)'", "NS302"), ("[$s, $s]", "NS203")):
        uses = (f"  b{i}: {{params: {{s: }}, layers: {{u: {{type: b{i + 1}, s: {value}}}}}}}\n" for i in range(35))
        last = "  b35: {params: {s: }, layers: {r: relu}}\n"
        text = f"netspec: 1\ninputs: {{x: [8]}}\nblocks:\n{''.join(uses)}{last}layers: {{u: {{type: b0, s: abc}}}}\n"
        with pytest.raises(netspec.NetspecError, match=code):
            netspec.load(text)


def test_costs_count_what_torch_counts() -> None:
    import torch

    graph = netspec.load(Path(__file__).parents[2] / "architectures" / "resnet18.yaml", width=16)
    with torch.device("meta"):
        module = netspec.to_torch(graph)
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 3, 224, 224))
    assert 2 * total(graph).flops == counter.get_total_flops()  # torch counts a multiply-add as two
    assert total(graph).params == sum(p.numel() for p in module.parameters())
    assert depth(graph) == 18


def test_networkx_graph_cannot_be_changed() -> None:
    """It is a copy: a change would be lost without a word."""
    graph = netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers: {a: relu, b: tanh}\n")
    assert list(graph.nx.nodes) == ["x", "a", "b"]
    with pytest.raises(networkx.NetworkXError, match="Frozen"):
        graph.nx.remove_node("a")
