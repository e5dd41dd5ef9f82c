"""What is offered at the cursor, `|` in the texts here, which are mostly broken there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lsp.client import Client, serving

HEAD = """\
netspec: 1
vars: {width: 8, rate: 0.1}
inputs: {image: [3, 8, 8]}
blocks:
  basic: {params: {channels: , stride: 1}, layers: {conv: {type: conv2d, out_channels: $channels, kernel_size: 1}}}
"""
LAYERS = "layers:\n  conv: {type: conv2d, out_channels: 4, kernel_size: 3}\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "resnet.yaml").write_text("netspec: 1\nlayers: {a: relu, stem: relu}\n", encoding="utf-8")
    (folder / "parts").mkdir()
    (folder / "parts" / "blocks.yaml").write_text("netspec: 1\nblocks: {wide: {layers: {r: relu}}}\n", encoding="utf-8")
    snippets = {"completion": {"completionItem": {"snippetSupport": True}}}
    with serving(folder, textDocument=snippets) as client:
        client.open(folder / "net.yaml", HEAD)
        yield client


def offered(client: Client, marked: str) -> list[dict[str, Any]]:
    """The items in the order in which an editor shows them, those that do not begin as the word does left out."""
    [uri] = client.versions
    text = marked.replace("|", "", 1)
    client.change(uri, text)
    at = marked.index("|")
    client.notified.clear()
    line = text[:at].count("\n")
    position = {"line": line, "character": at - (text.rfind("\n", 0, at) + 1)}
    answer = client.request("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
    items = sorted(answer["items"], key=lambda item: item["sortText"]) if answer else []
    kept = []
    for item in items:
        place = item["textEdit"]["range"]
        assert place["end"] == position and place["start"]["line"] == line
        word = text.split("\n")[line][place["start"]["character"] : position["character"]]
        if item["filterText"].startswith(word):
            kept.append(item)
    return kept


def labels(client: Client, marked: str) -> list[str]:
    return [item["label"] for item in offered(client, marked)]


@pytest.mark.parametrize(
    ("marked", "first"),
    [
        ("netspec: 1\nde|", ["description"]),
        (HEAD + "bu|", ["budget"]),
        (HEAD + LAYERS + "  fc: {type: lin|", ["linear"]),
        (HEAD + LAYERS + "  fc: {type: lin|\n  out: relu\n", ["linear"]),
        (HEAD + LAYERS + "  fc: {type: ba|}\n", ["basic", "batch_norm1d"]),
        (HEAD + LAYERS + "  fc: lin|\n", ["linear"]),
        (HEAD + LAYERS + "  fc:\n    type: lin|\n    bias: true\n", ["linear"]),
        (HEAD + LAYERS + "  fc: {type: linear, |", ["out_features", "bias"]),
        (HEAD + LAYERS + "  fc: {type: linear, out|, bias: true}\n", ["out_features"]),
        (HEAD + LAYERS + "  fc: {type: linear, bias: true, b|", []),
        (HEAD + LAYERS + "  fc: {type: linear, b|, bias: true}", []),
        (HEAD + LAYERS + "  fc: {type: linear, fr|", ["freeze", "from"]),
        (HEAD + LAYERS + "  fc:\n    type: linear\n    o|\n  more: relu\n", ["out_features"]),
        (HEAD + LAYERS + "  b: {type: basic, |}\n", ["channels", "stride"]),
        (HEAD + LAYERS + "  fc: {type: linear, out_features: $|", ["width", "rate"]),
        (HEAD + LAYERS + "  fc: {type: linear, out_features: $(2 * w|", ["width"]),
        (HEAD + LAYERS + "  fc: {type: linear, out_features: $(m|", ["min", "max"]),
        (HEAD + LAYERS + "  fc: {type: add, from: [conv, c|", ["conv"]),
        (HEAD + LAYERS + "  fc: {type: add, from: [conv, i|]}", ["image"]),
        (HEAD + LAYERS + "  fc: {type: relu, from: co|}\n  later: relu\n  conv9: relu\n", ["conv"]),
        (HEAD + LAYERS + "  q: {type: multi_head_attention, from: {query: conv, |", ["key", "value"]),
        (HEAD + LAYERS + "  fc: {type: conv2d, padding_mode: r|", ["reflect", "replicate"]),
        (HEAD + LAYERS + "  fc: {type: linear, bias: |}", ["true", "false"]),
        (HEAD + LAYERS + "  fc: {type: linear, init: h|}", ["he", "he_normal", "he_uniform"]),
        (HEAD + LAYERS + "  fc: {type: linear, init: {type: trunc|", ["truncated_normal"]),
        (HEAD + LAYERS + "  r: {type: recurrent, cell: gr|", ["gru", "gru_reset_after"]),
        (HEAD + LAYERS + "  body:\n    type: residual\n    |\n", ["layers", "shortcut"]),
        (HEAD + LAYERS + "  body:\n    type: residual\n    shortcut: p|", ["projection", "pad"]),
        (
            HEAD + LAYERS + "  body:\n    type: residual\n    layers:\n      a: relu\n      b: {type: relu, from: a|",
            ["a"],
        ),
        (HEAD + LAYERS + "outputs: {logits: c|", ["conv"]),
        (HEAD + LAYERS + "budget: {p|", ["params"]),
        (HEAD + LAYERS + "data: {source: dig|", ["digits"]),
        (HEAD + LAYERS + "data:\n  source: {type: csv, ta|", ["target"]),
        (HEAD + LAYERS + "train:\n  opt|", ["optimizer"]),
        (HEAD + LAYERS + "train:\n  optimizer: {type: adam, we|", ["weight_decay"]),
        (HEAD + LAYERS + "train: {loss: cross|", ["cross_entropy"]),
        (HEAD + LAYERS + "train:\n  metrics: [ac|", ["accuracy"]),
        (HEAD + LAYERS + "train:\n  precision: b|", ["bf16"]),
        (HEAD.replace("blocks:", "extends: res|\nblocks:"), ["resnet.yaml"]),
        (HEAD.replace("blocks:", "include:\n  - parts/b|\nblocks:"), ["parts/blocks.yaml"]),
        (HEAD.replace("blocks:", "include: parts/blocks.yaml\nblocks:") + LAYERS + "  x: wi|", ["wide"]),
        ("netspec: 1\nextends: resnet.yaml\nlayers:\n  st|", ["stem"]),
        (
            HEAD.replace(
                "basic:",
                "other:\n    params: {size: }\n    layers:\n      a: {type: linear, out_features: $s|\n  basic:",
            ),
            ["size"],
        ),
        (HEAD + LAYERS + "  fc: relu  # lin|", []),
    ],
)
def test_first_of_what_is_offered(client: Client, marked: str, first: list[str]) -> None:
    received = labels(client, marked)
    assert received[: len(first)] == first
    if not first:
        assert received == []


def test_what_is_put_in(client: Client) -> None:
    def put_in(marked: str, label: str) -> str:
        return str(next(i for i in offered(client, marked) if i["label"] == label)["textEdit"]["newText"])

    assert put_in(HEAD + LAYERS + "  fc: lin|", "linear") == "{type: linear, out_features: ${1}}$0"
    assert put_in(HEAD + LAYERS + "  fc: re|", "relu") == "relu"
    assert put_in(HEAD + LAYERS + "  fc: {type: lin|", "linear") == "linear"
    assert put_in(HEAD + LAYERS + "  fc: resi|", "residual") == "\n    type: residual\n    layers:\n      "
    assert put_in(HEAD + LAYERS + "  fc: {type: linear, o|", "out_features") == "out_features: "
    assert put_in(HEAD + LAYERS + "  fc: {type: linear, o|: 3}", "out_features") == "out_features"
    assert put_in(HEAD + LAYERS + "tra|", "train") == "train:\n  "
    assert put_in(HEAD + LAYERS + "train:\n  epo|", "epochs") == "epochs: "
    assert put_in(HEAD + LAYERS + "train:\n  st|", "stop") == "stop:\n    "


def test_each_kind_has_its_documentation(client: Client) -> None:
    items = offered(client, HEAD + LAYERS + "  fc: {type: |")
    assert len(items) > 80
    assert all(item["documentation"]["value"] for item in items)
    linear = next(item for item in items if item["label"] == "linear")
    assert "y = x Wᵀ + b." in linear["documentation"]["value"] and linear["detail"].startswith("y = x Wᵀ + b.")
