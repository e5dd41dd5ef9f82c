"""The VS Code extension, as far as it can be looked at without VS Code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from netspec.version import VERSION
from tests.lsp.client import PATIENCE

FOLDER = Path(__file__).parent.parent.parent / "editors" / "vscode"
# Stands in for the two modules that VS Code brings: it notes what the extension does with them.
HOST = """
const Module = require("module");
const done = [];
const listeners = {};
const on = (name) => (listener) => ((listeners[name] = listener), { dispose() {} });
const documents = JSON.parse(process.argv[2]).map((text) => ({ languageId: "yaml", getText: () => text }));
const vscode = {
  workspace: {
    textDocuments: documents,
    getConfiguration: () => ({ get: () => ["netspec", "lsp"] }),
    onDidOpenTextDocument: on("open"), onDidChangeTextDocument: on("change"), onDidChangeConfiguration: on("settings"),
  },
  window: { showErrorMessage: (message) => done.push(["error", message]) },
  commands: { registerCommand: (name, run) => ((listeners[name] = run), { dispose() {} }) },
};
class LanguageClient {
  constructor(id, name, server, options) { done.push(["made", id, server, options.documentSelector]); }
  async start() { done.push(["start"]); }
  async stop() { done.push(["stop"]); }
}
const load = Module._load;
Module._load = (name, ...more) =>
  name === "vscode" ? vscode : name === "vscode-languageclient/node" ? { LanguageClient } : load(name, ...more);
const extension = require(process.argv[1]);
(async () => {
  await extension.activate({ subscriptions: [] });
  listeners.change({ document: { languageId: "yaml", getText: () => "a: 1\\n" } });
  done.push(["opened"]);
  listeners.open({ languageId: "yaml", getText: () => "# one\\nnetspec: 1\\n" });
  await new Promise(setImmediate);
  await listeners["netspec.restart"]();
  await extension.deactivate();
  console.log(JSON.stringify(done));
})();
"""


def test_the_manifest_is_whole() -> None:
    manifest = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    assert manifest["version"] == VERSION and manifest["license"] == "Apache-2.0"
    assert (FOLDER / manifest["main"]).is_file() and (FOLDER / "README.md").is_file()
    assert re.fullmatch(r"\^\d+\.\d+\.\d+", manifest["engines"]["vscode"])
    assert list(manifest["dependencies"]) == ["vscode-languageclient"]
    setting = manifest["contributes"]["configuration"]["properties"]["netspec.command"]
    assert setting["default"] == ["netspec", "lsp"]
    assert setting["scope"] == "machine"  # a folder that is opened chooses no command


def test_it_starts_the_server_once_and_only_for_a_netspec_file() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    subprocess.run([node, "--check", FOLDER / "extension.js"], check=True, timeout=PATIENCE)

    def done(*texts: str) -> list[list[object]]:
        command = [node, "-e", HOST, str(FOLDER / "extension.js"), json.dumps(texts)]
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
        return list(json.loads(run.stdout))

    twice = ["made", "start", "stop", "made", "start", "stop"]
    for texts in ((), ("services: {}\n",)):
        found = done(*texts)
        assert [step[0] for step in found] == ["opened", *twice]
        assert found[1][1:3] == ["netspec", {"command": "netspec", "args": ["lsp"]}]
    assert [step[0] for step in done("netspec: 1\n", "a: 1\nnetspec: 1\n")] == [*twice[:2], "opened", *twice[2:]]
