"""What the editor marks is what `netspec validate` says, at the same places, of the texts as they are now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netspec.cli import app
from netspec.lsp.lines import TextLines
from netspec.source.text import Source, Span, printable
from tests.frontend.test_golden import CASES, GOLDEN
from tests.lsp.client import Client, serving, uri_of

NET = """\
netspec: 1
vars: {width: 8}
inputs: {x: [4]}
layers:
  fc: {type: linear, out_features: $width}
  relu: relu
"""


@pytest.fixture(scope="module")
def golden() -> Iterator[Client]:
    with serving(GOLDEN) as client:
        yield client


def validated(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    app(["validate", str(path), "--format", "json"], standalone_mode=False)
    return list(json.loads(capsys.readouterr().out))


def placed(problem: dict[str, Any]) -> tuple[int, ...]:
    """Where the protocol has a problem of `validate`."""
    if "line" not in problem:
        return (0, 0, 0, 1)
    text = Path(problem["file"]).read_text(encoding="utf-8-sig")
    numbers = [problem[key] for key in ("line", "column", "end_line", "end_column")]
    place = TextLines(text).range(Span(Source("", text), *numbers))
    return (place.start.line, place.start.character, place.end.line, place.end.character)


def shown_as(message: str) -> str:
    """Without what would break a line, or be no sign at all."""
    return printable(message.replace("\n", "⏎"))


def numbers_of(place: dict[str, Any]) -> tuple[int, ...]:
    return tuple(place[end][axis] for end in ("start", "end") for axis in ("line", "character"))


@pytest.mark.parametrize("case", CASES)
def test_they_are_those_of_validate(case: str, golden: Client, capsys: pytest.CaptureFixture[str]) -> None:
    path = GOLDEN / f"{case}.yaml" if (GOLDEN / f"{case}.yaml").exists() else GOLDEN / case / "main.yaml"
    data = path.read_bytes()
    if b"# --set " in data or b"\0" in data or len(data) > 1 << 20:
        pytest.skip("an option, or no text that an editor opens")
    expected = validated(path, capsys)
    golden.notified.clear()
    uri = golden.open(path, language="netspec")
    shown = {uri: golden.diagnostics(uri, 1)}
    for other in {uri_of(Path(p["file"])) for p in expected if p["file"]} - {uri}:
        shown[other] = golden.diagnostics(other)
    golden.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert golden.diagnostics(uri) == []
    levels = {"error": 1, "warning": 2}
    received = sorted(
        (where, d["code"], d["severity"], numbers_of(d["range"])) for where, found in shown.items() for d in found
    )
    assert received == sorted(
        (uri_of(Path(p["file"] or path)), p["code"], levels[p["level"]], placed(p)) for p in expected
    )
    everything = [d for found in shown.values() for d in found]
    for p in expected:
        told = [
            d for d in everything if d["code"] == p["code"] and d["message"].split("\n")[0] == shown_as(p["message"])
        ]
        assert told, p["message"]
        assert any(all(part in d["message"] for part in (p["hint"], p["route"])) for d in told)
        places = [placed(r) for r in p["related"] if "line" in r]
        assert any(
            places == [numbers_of(r["location"]["range"]) for r in d.get("relatedInformation", ())] for d in told
        )


def test_columns_count_the_code_units_that_were_agreed_on(tmp_path: Path) -> None:
    text = NET.replace("fc: {type: linear,", 'fc: {type: linear, "\N{GRINNING FACE}ä": 1,')
    for encodings, start, end in (([], 21, 26), (["utf-8", "utf-16"], 21, 29), (["utf-32"], 21, 25)):
        with serving(tmp_path, general={"positionEncodings": encodings} if encodings else {}) as client:
            uri = client.open(tmp_path / "net.yaml", text)
            [problem] = client.diagnostics(uri, 1)
            assert numbers_of(problem["range"]) == (4, start, 4, end)


def test_lines_are_the_protocols_whatever_yaml_breaks_at(tmp_path: Path) -> None:
    text = NET.replace("netspec: 1\n", "netspec: 1\ndescription: one\x85  two\u2028  three\n").replace(
        "relu: relu", "relu: rely"
    )
    with serving(tmp_path) as client:
        [problem] = client.diagnostics(client.open(tmp_path / "net.yaml", text), 1)
        assert numbers_of(problem["range"]) == (6, 8, 6, 12)
        assert client.at("hover", uri_of(tmp_path / "net.yaml"), text, "width}", 1)["range"]["start"]["line"] == 5


def test_a_burst_of_changes_ends_with_the_last_version(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "net.yaml", NET)
        assert client.diagnostics(uri, 1) == []
        for i in range(30):
            version = client.change(uri, NET.replace("$width", f"$widt{'h' * (i % 2)}"))
        assert client.diagnostics(uri, version) == []
        versions = [m["params"]["version"] for m in client.notified if m["method"].endswith("publishDiagnostics")]
        assert versions == sorted(versions)


def test_what_is_not_saved_is_read_and_whoever_reads_it_checked_again(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(NET, encoding="utf-8")
    (tmp_path / "blocks.yaml").write_text("netspec: 1\nblocks: {two: {layers: {r: relu}}}\n", encoding="utf-8")
    variant = "netspec: 1\nextends: parent.yaml\ninclude: blocks.yaml\nlayers: {more: two, fc: {bias: false}}\n"
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "variant.yaml", variant)
        assert client.diagnostics(uri) == []
        parent = client.open(tmp_path / "parent.yaml")
        assert client.diagnostics(parent, 1) == []
        client.change(parent, NET.replace("fc: {type: linear, out_features: $width}", "fc: {type: relu}"))
        [problem] = client.until(uri, ["NS202"])
        assert "`bias`" in problem["message"]
        client.change(parent, NET)
        client.until(uri, [])
        blocks = client.open(tmp_path / "blocks.yaml", "netspec: 1\nblocks: {two: {layers: {r: rely}}}\n")
        [problem] = client.until(blocks, ["NS201"])
        assert numbers_of(problem["range"]) == (1, 27, 1, 31)
        client.notify("textDocument/didClose", {"textDocument": {"uri": blocks}})
        client.until(blocks, [])
        (tmp_path / "blocks.yaml").write_text("netspec: 1\nblocks: {three: {layers: {r: relu}}}\n", encoding="utf-8")
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": blocks, "type": 2}]})
        client.until(uri, ["NS201"])


def test_a_file_of_blocks_alone_is_checked_where_it_is_included(tmp_path: Path) -> None:
    blocks = "netspec: 1\nblocks: {two: {layers: {r: relu}}}\n"
    with serving(tmp_path) as client:
        alone = client.open(tmp_path / "alone.yaml", blocks)
        assert [d["code"] for d in client.diagnostics(alone, 1)] == ["NS204", "NS204"]
    text = NET.replace("layers:", "include: blocks.yaml\nlayers:\n  b: two")
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "blocks.yaml").write_text(blocks, encoding="utf-8")
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "blocks.yaml")
        assert client.diagnostics(uri, 1) == []
        assert "(B, 4)" in client.at("hover", uri, blocks, "r: relu")["contents"]["value"]
        client.change(uri, blocks.replace("relu", "rely"))
        client.until(uri, ["NS201"])
        client.change(uri, blocks)
        client.until(uri, [])


def test_links_and_large_files_are_as_the_loader_has_them(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text(NET, encoding="utf-8")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.yaml").symlink_to(outside / "secret.yaml")
    with serving(inside) as client:
        text = "netspec: 1\nextends: link.yaml\n"
        uri = client.open(inside / "net.yaml", text)
        assert [d["code"] for d in client.diagnostics(uri, 1)] == ["NS306"]
        assert client.at("definition", uri, text, "link.yaml") == []
        client.change(uri, "netspec: 1\n#" + "x" * (1 << 20))
        assert [d["code"] for d in client.diagnostics(uri, 2)] == ["NS101"]
        assert client.at("hover", uri, "netspec: 1\n", "netspec") is None
