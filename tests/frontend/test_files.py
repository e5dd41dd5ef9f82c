"""`include`, `extends` and `--set`: several texts become one document."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import netspec
from netspec.graph.model import Graph
from netspec.recipe.optimizers.base import OPTIMIZERS
from netspec.spec import Spec

PARENT = """netspec: 1
name: parent
vars: {width: 8, act: relu}
inputs: {x: [4]}
blocks:
  pair:
    params: {n: , act: relu}
    layers: {fc: {type: linear, out_features: $n}, act: {type: $act}}
layers:
  one: {type: pair, n: $width}
  two: {type: linear, out_features: 3, bias: false}
  act: relu
  three: {type: branches, merge: add, branches: {a: {r: relu}, b: {t: tanh}}}
budget: {params: 1k}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text(PARENT)
    return tmp_path


def child(text: str, **variables: object) -> Graph:
    Path("child.yaml").write_text(f"netspec: 1\nextends: parent.yaml\n{text}\n")
    graph = netspec.load("child.yaml", **variables)
    again = netspec.load(graph.resolved)
    assert [(n.name, n.layer, n.inputs) for n in again.nodes()] == [(n.name, n.layer, n.inputs) for n in graph.nodes()]
    assert "extends" not in graph.resolved
    return graph


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.layers()]


def test_a_variant_is_its_difference() -> None:
    graph = child("name: child\nvars: {width: 16}\nlayers:\n  two: {out_features: 5}\n  act: {type: elu, alpha: 2}")
    assert graph.name == "child"
    assert str(graph["one.act"].type) == "(B, 16)"
    assert str(graph["two"].layer) == "Linear(out_features=5, bias=False)"
    assert str(graph["act"].layer) == "Elu(alpha=2.0)"
    assert graph.budget.params == 1000


def test_a_short_layer_becomes_a_long_one() -> None:
    assert [n for n in names(child("layers: {act: {repeat: 2}}")) if n.startswith("act")] == ["act.0", "act.1"]


def test_null_removes() -> None:
    graph = child("layers: {act: null, two: {bias: null}, three: {branches: {b: null, c: {s: sigmoid}}}}\nbudget: null")
    assert "act" not in graph and "three.b.t" not in graph and "three.c.s" in graph
    assert graph["two"].layer.bias is True  # type: ignore[attr-defined]
    assert graph.budget.params is None


def test_new_layers_stand_behind_the_name_above_them() -> None:
    assert names(child("layers: {one: {}, new: relu, newer: tanh, last: {}}".replace(", last: {}", "")))[:4] == [
        "one.fc",
        "one.act",
        "new",
        "newer",
    ]
    assert names(child("layers: {end: relu}"))[-1] == "end"
    replaced = names(child("layers: {act: null, gelu: gelu}"))
    assert replaced.index("gelu") == replaced.index("two") + 1


def test_a_parameter_of_a_block_becomes_required() -> None:
    with pytest.raises(netspec.NetspecError, match="NS204 pair `one` needs `act`"):
        child("blocks: {pair: {params: {act: }}}")


def test_parents_have_parents_and_included_blocks() -> None:
    Path("sub").mkdir()
    Path("sub/blocks.yaml").write_text(
        "netspec: 1\nvars: {hidden: 6}\nblocks: {big: {layers: {fc: {type: linear, out_features: $hidden}}}}\n"
    )
    Path("middle.yaml").write_text("netspec: 1\nextends: parent.yaml\ninclude: sub/blocks.yaml\nlayers: {big: big}\n")
    Path("child.yaml").write_text("netspec: 1\nextends: middle.yaml\nvars: {hidden: 9}\n")
    assert str(netspec.load("middle.yaml")["big.fc"].type) == "(B, 6)"
    assert str(netspec.load("child.yaml")["big.fc"].type) == "(B, 9)"


def test_own_names_stand_over_included_ones() -> None:
    Path("a.yaml").write_text("netspec: 1\nvars: {n: 1, m: 2}\nlayers: {ignored: relu}\n")
    Path("main.yaml").write_text(
        "netspec: 1\ninclude: [a.yaml]\nvars: {n: 7}\ninputs: {x: [4]}\nlayers: {f: {type: linear, "
        "out_features: $(n * m)}}\n"
    )
    graph = netspec.load("main.yaml")
    assert str(graph["f"].type) == "(B, 14)" and "ignored" not in graph


def test_the_same_file_by_two_ways_is_no_conflict() -> None:
    Path("common.yaml").write_text("netspec: 1\nblocks: {b: {layers: {r: relu}}}\n")
    for name in ("p", "q"):
        Path(f"{name}.yaml").write_text("netspec: 1\ninclude: common.yaml\n")
    Path("main.yaml").write_text("netspec: 1\ninclude: [p.yaml, q.yaml]\ninputs: {x: [4]}\nlayers: {u: b}\n")
    assert names(netspec.load("main.yaml")) == ["u.r"]


def test_paths_are_relative_to_the_file_that_names_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("child.yaml").write_text("netspec: 1\nextends: parent.yaml\n")
    monkeypatch.chdir("/")
    graph = netspec.load(folder / "child.yaml")
    assert graph.folder == folder
    assert len(netspec.load("netspec: 1\nextends: parent.yaml\n", folder=folder)) == len(graph)


def test_no_way_out_of_the_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "link.yaml").symlink_to(folder / "parent.yaml")
    for path in ("../parent.yaml", "link.yaml", str(folder / "parent.yaml"), "../inner/../parent.yaml"):
        (folder / "inner" / "main.yaml").write_text(f"netspec: 1\nextends: {path}\n")
        with pytest.raises(netspec.NetspecError, match=r"NS306 .* leads outside the folder of this file"):
            netspec.load(folder / "inner" / "main.yaml")
    (folder / "inner" / "loop.yaml").symlink_to("loop.yaml")
    (folder / "inner" / "main.yaml").write_text("netspec: 1\nextends: loop.yaml\n")
    with pytest.raises(netspec.NetspecError, match="NS306"):
        netspec.load(folder / "inner" / "main.yaml")


def test_files_cannot_name_each_other_for_ever() -> None:
    for i in range(30):
        Path(f"f{i}.yaml").write_text(f"netspec: 1\ninclude: [{', '.join([f'f{i + 1}.yaml'] * 30)}]\n")
    Path("f30.yaml").write_text("netspec: 1\nvars: {a: 1}\n")
    started = time.perf_counter()
    with pytest.raises(netspec.NetspecError, match="NS306 `include`: more than 256 files"):
        netspec.load("f0.yaml")
    assert time.perf_counter() - started < 5


def test_options() -> None:
    def sets(*options: str) -> Spec:
        return netspec.load("parent.yaml", sets=options)

    assert str(sets("width=5")["one.fc"].type) == "(B, 5)"
    assert str(sets("vars.width=5", "vars.width=6")["one.fc"].type) == "(B, 6)"
    assert sets("layers.two.bias=true")["two"].layer.bias is True  # type: ignore[attr-defined]
    assert sets("name=other").name == "other"
    assert "act" not in sets("layers.act=null")
    assert sets("layers.act={type: elu}")["act"].kind == "elu"
    assert sets("layers.act.repeat=2")["act.1"].kind == "relu"
    options = ("train.loss=squared", "train.epochs=5", "train.optimizer={type: sgd, lr: 1e-3}", "train.seed=$width")
    train = sets(*options).train
    assert train is not None
    assert (train.epochs, train.seed, train.optimizer) == (5, 8, OPTIMIZERS["sgd"](lr=0.001))
    assert sets("description=a: b=c" if os.name == "none" else "description=b=c").description == "b=c"


def test_variables_from_python() -> None:
    assert str(netspec.load("parent.yaml", width=5)["one.fc"].type) == "(B, 5)"
    assert netspec.load("parent.yaml", act="1e-3")  # text that looks like a number stays text
    with pytest.raises(netspec.NetspecError, match="NS304 variable `width` expects a number"):
        netspec.load("parent.yaml", width=object())
    with pytest.raises(netspec.NetspecError, match="NS304 the file has no variable `widht`"):
        netspec.load("parent.yaml", widht=3)
