"""Hover, shapes, definitions, references, outline: what is told about a text that is fine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import Client, serving, uri_of

NET = """\
netspec: 1
extends: base.yaml
include: [cells/own.yaml]
vars: {rate: 0.1}
blocks:
  two:
    params: {size: , twice: $(width * 2)}
    inputs: [a, b]
    layers:
      left: {type: linear, out_features: $size, from: a}
      right: {type: linear, out_features: $size, from: b}
      sum: {type: add, from: [left, right]}
    outputs: {out: sum}
layers:
  # \N{GRINNING FACE}
  enc:
    type: sequence
    layers:
      one: {type: linear, out_features: $width}
      drop: {type: dropout, p: $rate}
  wide: {type: linear, out_features: $(width * (i + 1)), repeat: 3}
  both: {type: two, size: "$(min(width, 64) // 2)", from: {a: enc.one, b: wide.0}}
  tied: {type: linear, out_features: 8, share: enc.one, from: x}
outputs: {result: both, other: enc.drop, third: tied, wide: wide.2}
train: {loss: {result: squared, other: squared}, optimizer: {type: adam, lr: 0.01}}
"""
BASE = """\
netspec: 1
vars: {width: 8}
inputs: {x: [8]}
layers:
  enc: relu
"""
OWN = """\
netspec: 1
cells:
  mine:
    state: {h: hidden}
    output: h
    weights: {W: [hidden, input], b: [hidden]}
    equations:
      - h[t] = tanh(W @ x[t] + b) * h[t-1]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reading")
    (folder / "cells").mkdir()
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    (folder / "cells" / "own.yaml").write_text(OWN, encoding="utf-8")
    (folder / "net.yaml").write_text(NET, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with serving(folder) as client:
        assert client.diagnostics(client.open(folder / "net.yaml"), 1) == []
        yield client


@pytest.fixture(scope="module")
def uri(folder: Path, client: Client) -> str:
    return uri_of(folder / "net.yaml")


def hovered(client: Client, uri: str, mark: str, offset: int = 0, text: str = NET) -> str:
    answer = client.at("hover", uri, text, mark, offset)
    return str(answer["contents"]["value"]) if answer else ""


def test_hover_on_a_layer(client: Client, uri: str) -> None:
    text = hovered(client, uri, "one: {type")
    assert "`linear`" in text and "y = x Wᵀ + b." in text
    assert "(B, …, in) -\\> (B, …, out\\_features)" in text and "Raises" not in text
    assert "(B, 8) → (B, 8)" in text and "72 parameters · 64 FLOPs" in text
    assert hovered(client, uri, "enc.one, b", 5) == text  # a reference shows what it stands for
    copies = hovered(client, uri, "wide: {type")
    assert "| wide.0 | (B, 8) | (B, 8) | 72 | 64 |" in copies and "| wide.2 | (B, 16) | (B, 24) | 408 | 384 |" in copies
    assert "(B, 8) → (B, 4)" in hovered(client, uri, "both: {type")


@pytest.mark.parametrize(
    ("mark", "offset", "parts"),
    [
        ("dropout, p", 0, ("**dropout**", "`p`: a number")),
        ("two, size", 0, ("**block two** · size, twice", "inputs: a, b", "layers: left, right, sum")),
        ("$width}", 1, ("**variable width** · `8`", "used at lines 7, 19, 21, 22")),
        ("min(width", 4, ("**variable width**",)),
        ("$size, from: a", 2, ("**parameter size** of block two · `required`",)),
        ("out_features: 8", 2, ("`out_features`: a whole number of at least 1; required",)),
        ("share: enc", 1, ("another layer's weights",)),
        ("optimizer", 1, ("`optimizer`: one of", "default adam")),
        ("adam, lr", 1, ("**adam**",)),
        ("{result: squared", 10, ("**squared**",)),
        ("lr: 0.01", 0, ("`lr`: a number above 0",)),
        ("base.yaml", 2, ("**base.yaml** · the parent of this file",)),
        ("cells/own", 2, ("**own.yaml** · its vars",)),
        ("outputs: {result", 1, ("Output name",)),
        ("result: both", 1, ("**output result** · `(B, 4)`",)),
    ],
)
def test_hover(client: Client, uri: str, mark: str, offset: int, parts: tuple[str, ...]) -> None:
    text = hovered(client, uri, mark, offset)
    for part in parts:
        assert part in text


def test_hover_on_a_cell_shows_its_equations(client: Client, folder: Path) -> None:
    text = "netspec: 1\ninputs: {x: [T, 4]}\ninclude: cells/own.yaml\n"
    text += "layers:\n  r: {type: recurrent, cell: mine, hidden: 3}\n  l: {type: lstm, hidden: 3}\n"
    uri = client.open(folder / "recurrent.yaml", text)
    assert "h[t] = tanh(W @ x[t] + b) * h[t-1]" in hovered(client, uri, "mine, hidden", 1, text)
    assert (
        "(B, T, 4) → (B, T, 3)" in hovered(client, uri, "r: {type", 0, text).replace("output ", "").split(", state")[0]
    )
    assert "sigmoid(" in hovered(client, uri, "l: {type: lstm", 0, text)


def shapes(client: Client, uri: str, text: str) -> dict[str, str]:
    """The last hint of each line, by the name that the line begins with."""
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": text.count("\n"), "character": 0}}
    lines = text.split("\n")
    answer = client.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": whole})
    for hint in answer:
        line, character = lines[hint["position"]["line"]], hint["position"]["character"]
        assert line[:character].endswith(("}", ":", "relu")) or not line[character:]
    answer.sort(key=lambda hint: (hint["position"]["line"], hint["position"]["character"]))
    return {lines[h["position"]["line"]].split(":")[0].strip(): h["label"] for h in answer}


def test_the_shape_stands_behind_each_layer(client: Client, uri: str) -> None:
    assert shapes(client, uri, NET) == {
        "left": "(B, 4)",
        "right": "(B, 4)",
        "sum": "(B, 4)",
        "enc": "(B, 8)",
        "one": "(B, 8)",
        "drop": "(B, 8)",
        "wide": "(B, 8) … (B, 24)",
        "both": "(B, 4)",
        "tied": "(B, 8)",
    }


def test_what_holds_layers_gives_what_its_last_or_its_output_gives(client: Client, folder: Path) -> None:
    text = """\
netspec: 1
inputs: {x: [4]}
blocks:
  last: {layers: {a: {type: linear, out_features: 5}, b: {type: linear, out_features: 6, when: false}}}
  named: {layers: {a: {type: linear, out_features: 7}, b: relu, c: {type: linear, out_features: 8}}, outputs: {y: b}}
  two: {layers: {a: {type: linear, out_features: 7}, b: relu}, outputs: {y: a, z: b}}
layers:
  seq: {type: sequence, layers: {a: {type: linear, out_features: 2}, b: {type: linear, out_features: 3}}}
  l: last
  n: {type: named, repeat: 2}
  paths: {type: branches, branches: {p: {a: {type: linear, out_features: 2}}, q: {}}}
  r: {type: residual, layers: {a: {type: linear, out_features: 9}}, shortcut: projection}
  t: two
  end: {type: add, from: [t.y, t.z]}
"""
    uri = client.open(folder / "holding.yaml", text)
    found = shapes(client, uri, text)
    assert {name: found[name] for name in ("seq", "l", "n", "paths", "r", "t")} == {
        "seq": "(B, 3)",
        "l": "(B, 5)",
        "n": "(B, 7)",
        "paths": "(B, 9)",
        "r": "(B, 9)",
        "t": "y (B, 7), z (B, 7)",
    }


def test_shapes_stay_with_their_layers_while_the_text_is_broken(client: Client, uri: str) -> None:
    before = shapes(client, uri, NET)
    broken = NET.replace("  enc:\n", "  new: {type: lin\n  # a line\n  enc:\n")
    client.change(uri, broken)
    assert shapes(client, uri, broken) == before
    client.change(uri, NET)


def places(answer: list[dict[str, Any]], text: str = NET) -> list[str]:
    """The file and the text at each place."""
    found = []
    for place in answer:
        file = place["uri"].rpartition("/")[2]
        start, end = place["range"]["start"], place["range"]["end"]
        source = {"base.yaml": BASE, "own.yaml": OWN, "net.yaml": text}[file].split("\n")
        found.append(f"{file}:{start['line'] + 1}:{source[start['line']][start['character'] : end['character']]}")
    return found


@pytest.mark.parametrize(
    ("mark", "offset", "expected"),
    [
        ("enc.one, b", 1, ["base.yaml:5:enc", "net.yaml:16:enc"]),
        ("enc.one, b", 4, ["net.yaml:19:one"]),
        ("wide.0}", 0, ["net.yaml:21:wide"]),
        ("share: enc.one", 12, ["net.yaml:19:one"]),
        ("x}\n", 0, ["base.yaml:3:x"]),
        ("$width}", 1, ["base.yaml:2:width"]),
        ("(min(width", 6, ["base.yaml:2:width"]),
        ("$(width", 3, ["base.yaml:2:width"]),
        ("$size, from: b", 1, ["net.yaml:7:size"]),
        ('size: "$(min', 1, ["net.yaml:7:size"]),
        ("a: enc", 0, ["net.yaml:8:a"]),
        ("from: b}", 6, ["net.yaml:8:b"]),
        ("two, size", 1, ["net.yaml:6:two"]),
        ("both, other", 1, ["net.yaml:22:both"]),
        ("result: squared", 1, ["net.yaml:24:result"]),
        ("base.yaml", 3, ["base.yaml:1:"]),
        ("cells/own", 3, ["own.yaml:1:"]),
        ("linear, out_features: 8", 1, []),
    ],
)
def test_definition(client: Client, uri: str, mark: str, offset: int, expected: list[str]) -> None:
    assert places(client.at("definition", uri, NET, mark, offset)) == expected


def test_references_are_found_in_every_file_that_reads_the_name(client: Client, folder: Path, uri: str) -> None:
    base = client.open(folder / "base.yaml")
    found = client.at("references", base, BASE, "width", 1, context={"includeDeclaration": True})
    assert places(found) == [
        "base.yaml:2:width", "net.yaml:7:width", "net.yaml:19:width", "net.yaml:21:width", "net.yaml:22:width"
    ]  # fmt: skip
    found = client.at("references", base, BASE, "enc", 1, context={"includeDeclaration": False})
    assert places(found) == ["net.yaml:22:enc", "net.yaml:23:enc", "net.yaml:24:enc"]
    marked = client.at("documentHighlight", uri, NET, "rate: 0.1", 1)
    assert [(m["range"]["start"]["line"], m["kind"]) for m in marked] == [(3, 3), (19, 2)]


def test_outline_and_folds(client: Client, uri: str) -> None:
    outline = client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    sections = {s["name"]: s for s in outline}
    layers = {s["name"]: s for s in sections["layers"]["children"]}
    assert list(layers) == ["enc", "wide", "both", "tied"]
    assert layers["wide"]["detail"] == "linear  (B, 8) … (B, 24)"
    assert [s["name"] for s in layers["enc"]["children"]] == ["one", "drop"]
    folds = client.request("textDocument/foldingRange", {"textDocument": {"uri": uri}})
    assert {(f["startLine"], f["endLine"]) for f in folds} >= {(4, 12), (5, 12), (13, 22), (15, 19)}
    targets = client.request("textDocument/documentLink", {"textDocument": {"uri": uri}})
    assert [t["target"].rpartition("/")[2] for t in targets] == ["base.yaml", "own.yaml"]
