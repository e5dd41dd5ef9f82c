"""A small client of the language server: the real process, its pipes, and JSON-RPC written here."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

PATIENCE = 60  # seconds until a test gives up on a process that says nothing


def uri_of(path: Path) -> str:
    return "file://" + quote(str(path))


class Client:
    """One server process.  `log`: what it wrote to standard error; `first`: Python that it runs before it serves."""

    def __init__(self, folder: Path, first: str = "") -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{first}\nfrom netspec.cli import app; app()", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=folder,
        )
        self.log = b""
        self.ids = 0
        self.responses: dict[int, dict[str, Any]] = {}
        self.notified: list[dict[str, Any]] = []
        self.versions: dict[str, int] = {}
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log += line

    def _read(self) -> None:
        assert self.process.stdout
        while header := self.process.stdout.readline():
            length = 0
            while header.strip():
                name, _, value = header.decode("ascii").partition(":")
                length = int(value) if name.lower() == "content-length" else length
                header = self.process.stdout.readline()
            self._messages.put(json.loads(self.process.stdout.read(length)))
        self._messages.put(None)

    def raw(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.raw(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> int:
        """Send a request; gives its number, for `answer`."""
        self.ids += 1
        self.send({"id": self.ids, "method": method, "params": params})
        return self.ids

    def take(self) -> bool:
        """Take in the next message; False when the server is gone."""
        message = self._messages.get(timeout=PATIENCE)
        if message is None:
            return False
        if "method" in message:
            self.notified.append(message)
        else:
            self.responses[message["id"]] = message
        return True

    def answer(self, number: int) -> dict[str, Any]:
        while number not in self.responses:
            assert self.take(), f"the server ended: {self.log.decode()}"
        return self.responses.pop(number)

    def request(self, method: str, params: Any) -> Any:
        """The result of a request.  Fails where the server answers an error."""
        response = self.answer(self.ask(method, params))
        assert "error" not in response, response
        return response.get("result")

    def initialize(self, **capabilities: Any) -> dict[str, Any]:
        folder = {"uri": uri_of(self.folder), "name": "tests"}
        params = {"processId": os.getpid(), "rootUri": folder["uri"], "workspaceFolders": [folder]}
        result = self.request("initialize", {**params, "capabilities": capabilities})
        self.notify("initialized", {})
        return dict(result["capabilities"])

    def open(self, path: Path, text: str | None = None, language: str = "yaml") -> str:
        text = path.read_text(encoding="utf-8") if text is None else text
        uri = uri_of(path)
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, text: str) -> int:
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        return self.versions[uri]

    def diagnostics(self, uri: str, version: int | None = None) -> list[dict[str, Any]]:
        """What is published of a file next, or of this version of it next."""
        while True:
            for i, message in enumerate(self.notified):
                params = message["params"]
                if message["method"] != "textDocument/publishDiagnostics" or params["uri"] != uri:
                    continue
                if version is None or params.get("version") == version:
                    del self.notified[i]
                    return list(params["diagnostics"])
            assert self.take(), f"the server ended: {self.log.decode()}"

    def until(self, uri: str, codes: list[str]) -> list[dict[str, Any]]:
        """Wait until a file has the problems of these codes."""
        while True:
            found = self.diagnostics(uri)
            if [problem["code"] for problem in found] == codes:
                return found

    def at(self, method: str, uri: str, text: str, mark: str, offset: int = 0, **more: Any) -> Any:
        """A request about the place where a mark stands in the text, `offset` characters further."""
        before = text[: text.index(mark) + offset]
        line = before.count("\n")
        character = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        position = {"line": line, "character": character}
        return self.request(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position, **more})

    def end(self) -> int:
        """Shut the server down as a client should; its exit status."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self.process.wait(timeout=PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, **capabilities: Any) -> Iterator[Client]:
    """A server that is initialized; at the end its log has to be empty, and its exit orderly."""
    client = Client(folder)
    try:
        client.initialize(**capabilities)
        yield client
        assert client.end() == 0
        assert not client.log, client.log.decode()
    finally:
        client.kill()
