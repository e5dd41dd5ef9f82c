"""Renaming changes a name wherever it is the same, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol.converters import get_converter
from lsprotocol.types import Position, RenameParams, TextDocumentIdentifier

import netspec
from netspec.graph.model import Node
from netspec.lsp.rename import RefusedError, rename
from netspec.lsp.session import Session
from netspec.lsp.symbols import occurrences
from tests.lsp.client import Client, serving, uri_of
from tests.lsp.test_reading import BASE, NET, OWN
from tests.test_architectures import FILES

CONVERTER = get_converter()

CHILD = """\
netspec: 1
extends: net.yaml
vars: {width: 16}
layers:
  enc: {layers: {one: {bias: false}}}
  both: {size: 5}
  tied: {out_features: 16}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cells").mkdir()
    for name, text in (("base", BASE), ("net", NET), ("cells/own", OWN), ("child", CHILD)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with serving(folder, workspace={"workspaceEdit": {"documentChanges": True}}) as client:
        client.open(folder / "net.yaml")
        yield client


def renamed(client: Client, folder: Path, mark: str, offset: int, new: str) -> dict[str, str]:
    """The texts that change, by file; or the reason under "" when it is refused."""
    before = NET[: NET.index(mark) + offset]
    position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
    params = {"textDocument": {"uri": uri_of(folder / "net.yaml")}, "position": position, "newName": new}
    response = client.answer(client.ask("textDocument/rename", params))
    if "error" in response:
        return {"": str(response["error"]["message"])}
    texts = {}
    for change in response["result"]["documentChanges"]:
        name = change["textDocument"]["uri"].removeprefix(uri_of(folder) + "/")
        assert change["textDocument"]["version"] == (1 if name == "net.yaml" else None)
        texts[name] = edited((folder / name).read_text(encoding="utf-8"), change["edits"])
    return texts


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits, which in these tests are of ASCII."""
    starts = [0, *(i + 1 for i, char in enumerate(text) if char == "\n")]
    for edit in sorted(edits, key=lambda e: (-e["range"]["start"]["line"], -e["range"]["start"]["character"])):
        first, last = (starts[p["line"]] + p["character"] for p in (edit["range"]["start"], edit["range"]["end"]))
        text = text[:first] + edit["newText"] + text[last:]
    return text


@pytest.mark.parametrize(
    ("mark", "offset", "old", "new", "files"),
    [
        ("enc:\n", 1, "enc", "encoder", {"net.yaml": 4, "base.yaml": 1, "child.yaml": 1}),
        ("one: {type", 0, "one", "first", {"net.yaml": 3, "child.yaml": 1}),
        ("enc.one, b", 5, "one", "first", {"net.yaml": 3, "child.yaml": 1}),
        ("wide: {type", 2, "wide", "broad", {"net.yaml": 3}),
        ("$width}", 3, "width", "channels", {"net.yaml": 4, "base.yaml": 1, "child.yaml": 1}),
        ("rate: 0.1", 1, "rate", "p", {"net.yaml": 2}),
        ("two:\n", 0, "two", "pair", {"net.yaml": 2}),
        ("size: ,", 0, "size", "features", {"net.yaml": 4, "child.yaml": 1}),
        ("[a, b]", 1, "a", "x1", {"net.yaml": 3}),
        ("from: x}", 6, "x", "image", {"net.yaml": 1, "base.yaml": 1}),
        ("result: both", 0, "result", "prediction", {"net.yaml": 2}),
        ("out: sum", 0, "out", "y", {"net.yaml": 1}),
    ],
)
def test_every_place_and_no_other(
    client: Client, folder: Path, mark: str, offset: int, old: str, new: str, files: dict[str, int]
) -> None:
    before = {name: netspec.load(folder / name) for name in ("net.yaml", "child.yaml")}
    texts = renamed(client, folder, mark, offset, new)
    counts = {
        name: len(text.split(new)) - len((folder / name).read_text(encoding="utf-8").split(new))
        for name, text in texts.items()
    }
    assert counts == files
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, graph in before.items():
        after = netspec.load(folder / name)
        assert [(n.kind, n.outputs, n.layer) for n in after.nodes()] == [
            (n.kind, n.outputs, n.layer) for n in graph.nodes()
        ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_any_name_of_any_architecture(file: Path, tmp_path: Path) -> None:
    """A few names at random: every file of the folder is the network that it was, but for the name."""
    for other in FILES:
        (tmp_path / other.name).write_bytes(other.read_bytes())
    session = Session()
    session.buffers.folders = [tmp_path]
    path = tmp_path / file.name
    buffer = session.buffers.put(uri_of(path), 1, path.read_text(encoding="utf-8"))
    found = [o for o in occurrences(session.family(buffer)) if o.file == path.resolve()]
    draw = random.Random(file.stem)
    for here in draw.sample(found, min(4, len(found))):
        place = Position(here.span.line - 1, here.span.column - 1)
        params = RenameParams(TextDocumentIdentifier(buffer.uri), place, "quite_new")
        if (file.stem, here.symbol.kind) == ("resnet50", "parameter"):  # of a block that takes the place of another
            with pytest.raises(RefusedError, match=r"resnet18\.yaml would be wrong: basic `layer1` needs `channels`"):
                rename(session, buffer, params)
            continue
        if here.symbol.name == "lengths":
            with pytest.raises(RefusedError, match="how the data calls the lengths"):
                rename(session, buffer, params)
            continue
        edit = rename(session, buffer, params)
        assert edit is not None and edit.changes
        for uri, edits in edit.changes.items():
            changed = Path(uri.removeprefix("file://"))
            text = edited(changed.read_text(encoding="utf-8"), [CONVERTER.unstructure(e) for e in edits])
            changed.write_text(text, encoding="utf-8")
        for other in FILES:
            if file.name == other.name or uri_of(tmp_path / other.name) in edit.changes:
                before, after = netspec.load(other), netspec.load(tmp_path / other.name)
                assert [layer_of(n) for n in after.nodes()] == [layer_of(n) for n in before.nodes()]
                assert after.data == before.data or here.symbol.kind in ("input", "output")
        for other in FILES:
            (tmp_path / other.name).write_bytes(other.read_bytes())


def layer_of(node: Node) -> tuple[object, ...]:
    return (node.layer, node.outputs, len(node.inputs), node.init, node.freeze)


@pytest.mark.parametrize(
    ("mark", "offset", "new", "reason"),
    [
        ("one: {type", 0, "drop", "there is a `drop` already"),
        ("wide: {type", 0, "tied", "there is a `tied` already"),
        ("wide: {type", 0, "x", "there is a `x` already"),
        ("wide: {type", 0, "two words", "a layer cannot be named"),
        ("wide: {type", 0, "forward", "modules of PyTorch have attributes of such names"),
        ("$width}", 2, "rate", "there is a `rate` already"),
        ("$width}", 2, "1st", "a variable is named by"),
        ("$width}", 2, "size", "would stand for something else"),
        ("two:\n", 0, "linear", "is a kind that netspec has already"),
        ("size: ,", 0, "from", "a wiring key"),
        ("[a, b]", 1, "left", "there is a `left` already"),
        ("linear, out_features: 8", 1, "dense", "there is no name here"),
    ],
)
def test_what_would_clash_is_refused_with_the_reason(
    client: Client, folder: Path, mark: str, offset: int, new: str, reason: str
) -> None:
    refused = renamed(client, folder, mark, offset, new)
    assert reason in refused.get("", ""), refused


def test_a_block_that_a_variable_names_is_left_alone(tmp_path: Path) -> None:
    text = "netspec: 1\nvars: {kind: two}\ninputs: {x: [4]}\n"
    text += "blocks: {two: {layers: {r: relu}}}\nlayers: {a: {type: $kind}}\n"
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "net.yaml")
        position = {"line": 3, "character": 10}
        params = {"textDocument": {"uri": uri}, "position": position, "newName": "three"}
        error = client.answer(client.ask("textDocument/rename", params))["error"]
        assert error["code"] == -32803 and "holds the name as a value" in error["message"]


def test_names_that_the_data_has_are_left_alone(tmp_path: Path) -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers: {fc: {type: linear, out_features: 2}}\noutputs: {y: fc}\n"
    text += "data: {source: {type: npz, path: data.npz}}\ntrain: {loss: squared}\n"
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "net.yaml")
        for line, character, refused in ((1, 9, True), (3, 10, True), (2, 9, False)):
            position = {"line": line, "character": character}
            params = {"textDocument": {"uri": uri}, "position": position, "newName": "quite_new"}
            response = client.answer(client.ask("textDocument/rename", params))
            assert ("the arrays of the data" in str(response.get("error"))) is refused


def test_cells_are_renamed_with_the_layers_that_name_them(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    text = "netspec: 1\ninputs: {x: [T, 4]}\ninclude: own.yaml\nlayers: {r: {type: recurrent, cell: mine, hidden: 3}}\n"
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "net.yaml")
        found = client.at("prepareRename", uri, text, "mine", 1)
        assert found["placeholder"] == "mine"
        changes = client.at("rename", uri, text, "mine", 1, newName="gate")["changes"]
        assert sorted(u.rpartition("/")[2] for u in changes) == ["net.yaml", "own.yaml"]
        refused = client.ask("textDocument/rename", {
            "textDocument": {"uri": uri}, "position": found["range"]["start"], "newName": "self"
        })  # fmt: skip
        assert "cannot be named" in client.answer(refused)["error"]["message"]
