// A client and nothing more: it starts `netspec lsp` once a netspec file is open, and hands everything on.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const SELECTOR = [{ language: "yaml", scheme: "file" }, { language: "yaml", scheme: "untitled" }];

let client;

/** Whether a document is a netspec file; the server says nothing about others. */
function isNetwork(document) {
  return document.languageId === "yaml" && /^netspec:/m.test(document.getText());
}

async function start() {
  if (client) return;
  const [command, ...args] = vscode.workspace.getConfiguration("netspec").get("command");
  client = new LanguageClient("netspec", "netspec", { command, args }, { documentSelector: SELECTOR });
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `\`${[command, ...args].join(" ")}\` does not start (${error.message}). ` +
        "Install it with pip install 'netspec[lsp]', or set netspec.command.",
    );
  }
}

async function restart() {
  await deactivate();
  await start();
}

async function activate(context) {
  const look = (document) => (isNetwork(document) ? start() : undefined);
  context.subscriptions.push(
    vscode.commands.registerCommand("netspec.restart", restart),
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.workspace.onDidChangeTextDocument((event) => (client ? undefined : look(event.document))),
    vscode.workspace.onDidChangeConfiguration((event) =>
      event.affectsConfiguration("netspec.command") && client ? restart() : undefined,
    ),
  );
  vscode.workspace.textDocuments.forEach(look);
}

async function deactivate() {
  const running = client;
  client = undefined;
  if (running) await running.stop().catch(() => undefined);
}

module.exports = { activate, deactivate };
