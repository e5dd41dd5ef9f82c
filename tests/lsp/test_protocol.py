"""The conversation itself: its order, its end, and what a client may do wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.lsp.client import PATIENCE, Client, serving, uri_of
from tests.lsp.test_diagnostics import NET


def test_it_says_what_it_can(tmp_path: Path) -> None:
    client = Client(tmp_path)
    try:
        can = client.initialize(textDocument={"rename": {"prepareSupport": True}})
        assert can["positionEncoding"] == "utf-16" and can["textDocumentSync"]["change"] == 1
        providers = "hover inlayHint definition references documentHighlight documentLink completion codeAction"
        for name in f"{providers} documentSymbol foldingRange".split():
            assert can[f"{name}Provider"], name
        assert can["renameProvider"] == {"prepareProvider": True}
        assert client.end() == 0 and not client.log
    finally:
        client.kill()


def test_exit_without_shutdown_and_a_client_that_is_gone_are_an_error(tmp_path: Path) -> None:
    for last in (lambda c: c.notify("exit", None), lambda c: c.process.stdin.close()):
        client = Client(tmp_path)
        try:
            client.initialize()
            client.open(tmp_path / "net.yaml", NET)
            last(client)
            assert client.process.wait(timeout=PATIENCE) == 1
            assert b"Traceback" not in client.log
        finally:
            client.kill()


def test_standard_input_that_ends_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from netspec.cli import app; app()", "lsp"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        b"",
        b"netspec lsp: standard input ended before `shutdown` and `exit`\n",
    )


def test_it_asks_to_be_told_of_files_that_are_not_open(tmp_path: Path) -> None:
    with serving(tmp_path, workspace={"didChangeWatchedFiles": {"dynamicRegistration": True}}) as client:
        while not client.notified:
            assert client.take()
        [asked] = client.notified
        assert asked["method"] == "client/registerCapability"
        [watch] = asked["params"]["registrations"]
        assert watch["method"] == "workspace/didChangeWatchedFiles"
        assert watch["registerOptions"]["watchers"] == [{"globPattern": "**/*.{yaml,yml}"}]
        client.send({"id": asked["id"], "result": None})


def test_a_request_that_waits_can_be_cancelled(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        uri = client.open(tmp_path / "net.yaml", NET)
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
        number = client.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": whole})
        client.notify("$/cancelRequest", {"id": number})
        assert client.answer(number)["error"]["code"] == -32800
        assert len(client.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": whole})) == 2


def test_what_no_client_should_send(tmp_path: Path) -> None:
    client = Client(tmp_path)
    try:
        client.initialize()
        uri = client.open(tmp_path / "net.yaml", NET)
        other = {"textDocument": {"uri": uri_of(tmp_path / "other.yaml")}, "position": {"line": 1, "character": 1}}
        assert client.request("textDocument/hover", other) is None
        far = {"textDocument": {"uri": uri}, "position": {"line": 10**6, "character": 10**6}}
        for method in ("hover", "completion", "definition", "prepareRename"):
            client.request(f"textDocument/{method}", far)
        assert client.answer(client.ask("netspec/unknown", {}))["error"]["code"] == -32601
        client.notify("netspec/unknown", {})
        client.raw(b"Content-Length: 9\r\n\r\nnot JSON!")
        client.notify("textDocument/didChange", {"textDocument": "no document"})
        here = {"textDocument": {"uri": uri}, "position": {"line": 4, "character": 3}}
        assert "linear" in client.request("textDocument/hover", here)["contents"]["value"]
        shown = [m for m in client.notified if m["method"] == "window/showMessage"]
        assert not shown and client.end() == 0
    finally:
        client.kill()


BROKEN = """
import netspec.lsp.check as check, netspec.lsp.hover as hover
load = check.load_document
def noisy(source, *more, **others):
    print("noise")
    if "crash" in source.text:
        raise RuntimeError("a mistake")
    return load(source, *more, **others)
def wrong(*more):
    raise RuntimeError("another")
check.load_document, hover.layer_text = noisy, wrong
"""


def test_mistakes_and_prints_of_the_server_go_to_its_log_alone(tmp_path: Path) -> None:
    client = Client(tmp_path, BROKEN)
    try:
        client.initialize()
        uri = client.open(tmp_path / "net.yaml", NET)
        assert client.diagnostics(uri, 1) == []
        number = client.ask(
            "textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 4, "character": 3}}
        )
        response = client.answer(number)
        assert response["result"] is None and "error" not in response
        client.change(uri, NET + "# crash\n")
        [problem] = client.diagnostics(uri, 2)
        assert problem["code"] == "NS313" and "mistake of its own" in problem["message"]
        client.change(uri, NET)
        assert client.diagnostics(uri, 3) == []
        assert all(m["method"] == "textDocument/publishDiagnostics" for m in client.notified)
        assert client.end() == 0
        for text in (b"noise", b"RuntimeError: a mistake", b"RuntimeError: another"):
            assert text in client.log
    finally:
        client.kill()


def test_a_yaml_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        other = "services:\n  web: {image: nginx}\nlayers: 3\n"
        uri = client.open(tmp_path / "compose.yaml", other)
        assert client.at("hover", uri, other, "layers", 1) is None
        assert client.at("completion", uri, other, "web", 1)["items"] == []
        assert not client.notified
        client.change(uri, "n")
        [item] = client.request(
            "textDocument/completion", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 1}}
        )["items"]
        assert item["insertText"] == "netspec: 1\n"
        client.change(uri, "netspec: 1\n")
        assert [d["code"] for d in client.diagnostics(uri)] == ["NS204", "NS204"]
        version = client.change(uri, other)
        assert client.diagnostics(uri, version) == []


def test_two_files_of_one_name_and_signs_in_paths(tmp_path: Path) -> None:
    folder = tmp_path / "a b#%20ü"
    folder.mkdir()
    (folder / "parent.yaml").write_text(NET, encoding="utf-8")
    with serving(tmp_path) as client:
        text = "netspec: 1\nextends: parent.yaml\n"
        uri = client.open(folder / "net.yaml", text)
        assert client.diagnostics(uri, 1) == []
        [place] = client.at("definition", uri, text, "parent.yaml", 3)
        assert place["uri"] == uri_of(folder / "parent.yaml")


def test_without_pygls_the_command_says_what_to_install(tmp_path: Path) -> None:
    """In a process that cannot find it."""
    hidden = "import sys; sys.modules['pygls'] = None; from netspec.cli import app; app(['lsp'])"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "pip install 'netspec[lsp]'" in done.stderr and not done.stdout
