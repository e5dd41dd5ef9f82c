"""The `cells` section through include, extends and --set, and the cells that layers name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cells.language.cell import Cell
from netspec.frontend.cells import cells_of_file

NET = """netspec: 1
inputs: {x: [T, 3]}
cells:
  mine:
    params: {scale: 1.0}
    state: {h: hidden}
    output: h
    weights:
      W: [hidden, hidden + input]
      b: [hidden]
    init: {b: scale}
    equations:
      - h[t] = scale * tanh(W @ [h[t-1], x[t]] + b)
layers:
  rnn: {type: recurrent, cell: mine, hidden: 4}
"""


def cell_of(graph: netspec.Graph, name: str = "rnn") -> Cell:
    layer: Any = next(n.layer for n in graph.nodes() if n.name == name)
    cell: Cell = layer.the_cell
    return cell


def equations(cell: Cell) -> list[str]:
    return [str(e.text.value) for e in cell.equations]


def test_a_cell_of_the_file() -> None:
    graph = netspec.load(NET)
    assert cell_of(graph).name == "mine"
    assert {k: w.shape for k, w in graph_weights(graph).items()} == {"W_l0": (4, 7), "b_l0": (4,)}


def graph_weights(graph: netspec.Graph, name: str = "rnn") -> Any:
    node = next(n for n in graph.nodes() if n.name == name)
    return node.layer.weights(*(graph.inputs[ref.node] for ref in node.inputs))


def test_a_variant_changes_equations_and_weights(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(NET)
    (tmp_path / "variant.yaml").write_text(
        "netspec: 1\nextends: base.yaml\ncells:\n  mine:\n    init: null\n    weights: {b: null, U: [hidden, input]}\n"
        "    params: {scale: null}\n    equations:\n      - h[t] = scale * tanh(W @ [h[t-1], x[t]] + U @ x[t])\n"
        "layers: {rnn: {params: {scale: 2}}}\n"
    )
    cell = cell_of(netspec.load(tmp_path / "variant.yaml"))
    assert (list(cell.weights), dict(cell.params)) == (["W", "U"], {"scale": None})
    assert equations(cell) == ["h[t] = scale * tanh(W @ [h[t-1], x[t]] + U @ x[t])"]


def test_included_cells_and_one_s_own_over_them(tmp_path: Path) -> None:
    shared = NET.partition("layers:")[0].replace("inputs: {x: [T, 3]}\n", "")
    (tmp_path / "cells.yaml").write_text(
        shared + "  other: {state: {h: input}, output: h, equations: ['h[t] = x[t]']}\n"
    )
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\ninclude: cells.yaml\ninputs: {x: [T, 3]}\n"
        "cells:\n  other: {state: {s: input}, output: s, equations: ['s[t] = 2 * x[t]']}\n"
        "layers:\n  rnn: {type: recurrent, cell: mine, hidden: 4}\n  two: {type: recurrent, cell: other}\n"
    )
    graph = netspec.load(tmp_path / "net.yaml")
    assert equations(cell_of(graph)) == ["h[t] = scale * tanh(W @ [h[t-1], x[t]] + b)"]
    assert equations(cell_of(graph, "two")) == ["s[t] = 2 * x[t]"]
    assert list(cells_of_file(tmp_path / "net.yaml")) == ["mine", "other"]
    assert list(cells_of_file(tmp_path / "cells.yaml")) == ["mine", "other"]  # a file of cells alone


@pytest.mark.parametrize(
    ("assignment", "check"),
    [
        ("cells.mine.init.b=0.5", lambda cell: cell.init["b"].plain() == 0.5),
        ("cells.mine.params.scale=3", lambda cell: cell.params == {"scale": 3}),
        ("cells.mine.state.h=2 * hidden - hidden", lambda cell: "2 * hidden" in cell.text),
        ("cells.mine.equations=['h[t] = tanh(W @ [h[t-1], x[t]]) * b']", lambda cell: "* b" in equations(cell)[0]),
    ],
)
def test_set(assignment: str, check: Any) -> None:
    assert check(cell_of(netspec.load(NET, sets=[assignment])))


def test_the_resolved_document_is_the_same_network() -> None:
    graph = netspec.load(NET, sets=["cells.mine.params.scale=3"])
    again = netspec.load(graph.resolved)
    assert cell_of(again) == cell_of(graph)
    assert [n.layer for n in again.nodes()] == [n.layer for n in graph.nodes()]


def test_a_layer_of_another_cell_is_another_layer() -> None:
    """Also under the same name: `diff` and shared code compare layers."""
    other = netspec.load(NET.replace("tanh(W", "relu(W"))
    assert [n.layer for n in netspec.load(NET).nodes()] != [n.layer for n in other.nodes()]


def test_the_file_s_cell_stands_over_the_library_s() -> None:
    text = NET.replace("mine", "gru")
    assert equations(cell_of(netspec.load(text))) == ["h[t] = scale * tanh(W @ [h[t-1], x[t]] + b)"]
    library = NET.partition("cells:")[0] + "layers: {rnn: {type: recurrent, cell: gru, hidden: 4}}\n"
    kind = NET.partition("cells:")[0] + "layers: {rnn: {type: gru, hidden: 4}}\n"
    assert len(equations(cell_of(netspec.load(library)))) == 4
    assert cell_of(netspec.load(library)) == cell_of(netspec.load(kind))


def test_a_cell_by_an_expression_in_a_block() -> None:
    text = NET.replace(
        "  rnn: {type: recurrent, cell: mine, hidden: 4}\n",
        "  pair: {type: twice, cell: mine}\n  more: {type: twice, cell: lstm, hidden: 2}\n",
    ).replace(
        "layers:\n  pair",
        "blocks:\n  twice:\n    params: {cell: , hidden: 4}\n    layers:\n"
        "      rnn: {type: recurrent, cell: $cell, hidden: $hidden, repeat: 2}\nlayers:\n  pair",
    )
    graph = netspec.load(text)
    names = [(n.name, cell_of(graph, n.name).name) for n in graph.nodes() if n.kind == "recurrent"]
    assert names == [
        ("pair.rnn.0", "mine"),
        ("pair.rnn.1", "mine"),
        ("more.rnn.0", "lstm"),
        ("more.rnn.1", "lstm"),
    ]


def test_weights_begin_as_the_cell_says() -> None:
    module: Any = netspec.to_torch(netspec.load(NET.replace("hidden: 4", "hidden: 4, params: {scale: 2.5}")))
    state = module.state_dict()
    assert state["rnn.b_l0"].tolist() == [2.5] * 4
    assert 0 < state["rnn.W_l0"].abs().max() <= 0.5  # U(−1/√hidden, 1/√hidden)
    layer = NET.replace("hidden: 4}", "hidden: 4, init: {b: 1.5}}")
    assert netspec.to_torch(netspec.load(layer)).state_dict()["rnn.b_l0"].tolist() == [1.5] * 4
