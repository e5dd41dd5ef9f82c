"""What is offered about a problem, and formatting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import netspec
from netspec.frontend.fmt.canonical import formatted
from netspec.source.text import Source
from tests.lsp.client import Client, serving
from tests.lsp.test_diagnostics import NET
from tests.lsp.test_rename import edited

HEAD = "netspec: 1\nvars: {width: 8, rate: 0.1}\ninputs: {x: [4, 4]}\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("actions")
    (folder / "resnet.yaml").write_text(NET, encoding="utf-8")
    with serving(folder) as client:
        client.open(folder / "net.yaml", HEAD)
        yield client


@pytest.mark.parametrize(
    ("wrong", "title", "right"),
    [
        ("layers: {a: lineer}", "Replace `lineer` by `linear`", "layers: {a: linear}"),
        ("layers: {a: {tipe: relu}}", "Replace `tipe` by `type`", "layers: {a: {type: relu}}"),
        ("layers: {a: LSTM}", "Replace `LSTM` by `lstm`", "layers: {a: lstm}"),
        (
            "layers: {a: {type: linear, out_feature: 3}}",
            "Replace `out_feature` by `out_features`",
            "layers: {a: {type: linear, out_features: 3}}",
        ),
        (
            "layers: {a: {type: linear, 'out_feature': 3}}",
            "Replace `out_feature` by `out_features`",
            "layers: {a: {type: linear, 'out_features': 3}}",
        ),
        ("layers: {a: {type: linear}}", "Add `out_features`", "layers: {a: {type: linear, out_features: }}"),
        ("layers: {a: linear}", "Add `out_features`", "layers: {a: {type: linear, out_features: }}"),
        (
            "layers:\n  a:\n    type: linear\n    bias: true",
            "Add `out_features`",
            "layers:\n  a:\n    out_features: \n    type: linear\n    bias: true",
        ),
        (
            "layers: {a: {type: linear, out_features: $widht}}",
            "Replace `widht` by `width`",
            "layers: {a: {type: linear, out_features: $width}}",
        ),
        (
            "layers: {a: {type: linear, out_features: $(2 * widht + width)}}",
            "Replace `widht` by `width`",
            "layers: {a: {type: linear, out_features: $(2 * width + width)}}",
        ),
        (
            "layers: {first: relu, b: {type: relu, from: frist}}",
            "Replace `frist` by `first`",
            "layers: {first: relu, b: {type: relu, from: first}}",
        ),
        (
            "layers: {e: {type: sequence, layers: {conv: relu}}, b: {type: relu, from: e.conw}}",
            "Replace `conw` by `conv`",
            "layers: {e: {type: sequence, layers: {conv: relu}}, b: {type: relu, from: e.conv}}",
        ),
        (
            "layers: {a: {type: linear, out_features: 3, bias: yes}}",
            "Replace `yes` by `true`",
            "layers: {a: {type: linear, out_features: 3, bias: true}}",
        ),
        (
            "layers: {a: {type: residual, shortcut: projektion, layers: {r: relu}}}",
            "Replace `projektion` by `projection`",
            "layers: {a: {type: residual, shortcut: projection, layers: {r: relu}}}",
        ),
        (
            "layers: {a: {type: linear, in_features: 4, out_features: 3}}",
            "Remove `in_features`",
            "layers: {a: {type: linear, out_features: 3}}",
        ),
        (
            "layers: {a: {type: linear, out_features: 3, in_features: $(width * 2)}}",
            "Remove `in_features`",
            "layers: {a: {type: linear, out_features: 3}}",
        ),
        (
            "layers:\n  a:\n    type: linear\n    in_features: 4\n    out_features: 3",
            "Remove `in_features`",
            "layers:\n  a:\n    type: linear\n    out_features: 3",
        ),
        (
            "layers: {n: {type: layer_norm, normalized_shape: [4, 4]}}",
            "Remove `normalized_shape`",
            "layers: {n: {type: layer_norm}}",
        ),
        (
            "extends: resnets.yaml\nlayers: {a: relu}",
            "Replace `resnets.yaml` by `resnet.yaml`",
            "extends: resnet.yaml\nlayers: {a: relu}",
        ),
        (
            "layers: {a: relu}\ntrain: {loss: squared, optimizer: {type: adm}}",
            "Replace `adm` by `adam`",
            "layers: {a: relu}\ntrain: {loss: squared, optimizer: {type: adam}}",
        ),
    ],
)
def test_a_problem_can_be_mended_as_its_help_says(client: Client, wrong: str, title: str, right: str) -> None:
    [uri] = client.versions
    text = f"{HEAD}{wrong}\n"
    client.change(uri, text)
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    params = {"textDocument": {"uri": uri}, "range": whole, "context": {"diagnostics": []}}
    found = client.request("textDocument/codeAction", params)
    client.notified.clear()
    assert [action["title"] for action in found] == [title]
    [action] = found
    assert action["kind"] == "quickfix" and action["diagnostics"][0]["source"] == "netspec"
    assert edited(text, action["edit"]["changes"][uri]) == f"{HEAD}{right}\n"
    elsewhere = {**params, "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}}
    assert client.request("textDocument/codeAction", elsewhere) == []
    assert (
        client.request("textDocument/codeAction", {**params, "context": {"diagnostics": [], "only": ["refactor"]}})
        == []
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_formatting_is_that_of_fmt(client: Client, newline: str) -> None:
    [uri] = client.versions
    text = (
        NET.replace("layers:\n", "\n\n\nlayers:   # all\n")
        .replace("relu: relu", "relu:   'relu'")
        .replace("\n", newline)
    )
    client.change(uri, text)
    options = {"tabSize": 2, "insertSpaces": True}
    [edit] = client.request("textDocument/formatting", {"textDocument": {"uri": uri}, "options": options})
    start, end = (edit["range"][part]["line"] for part in ("start", "end"))
    lines = text.split("\n")
    assert edit["range"]["start"]["character"] == 0
    after = "\n".join([*lines[:start], edit["newText"] + "\n".join(lines[end:])])
    assert after == formatted(Source("", text)) != text
    assert netspec.load(after).nx.nodes.keys() == netspec.load(text).nx.nodes.keys()
    client.change(uri, after)
    assert client.request("textDocument/formatting", {"textDocument": {"uri": uri}, "options": options}) == []
    client.change(uri, text.replace("netspec: 1", "netspec: {"))
    assert client.request("textDocument/formatting", {"textDocument": {"uri": uri}, "options": options}) == []
