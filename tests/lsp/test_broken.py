"""Every request is answered, wherever a text ends, and no answer is an error."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import serving
from tests.test_architectures import FILES

ASKED = ("hover", "completion", "definition", "references", "documentHighlight", "prepareRename")
WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 9999, "character": 0}}


QUICK = {"resnet50", "char_lstm", "digits_highway"}  # extends, a recurrent layer, blocks with data and training
EACH = [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in FILES]


@pytest.mark.parametrize("path", EACH)
def test_an_architecture_that_is_cut_anywhere(path: Path) -> None:
    """At random places, some with the rest of the text behind the cut."""
    draw = random.Random(path.stem)
    data = path.read_bytes()
    with serving(path.parent) as client:
        uri = client.open(path)
        for _ in range(15):
            cut = draw.randrange(len(data))
            text = data[:cut].decode("utf-8", "ignore")
            rest = draw.choice(["", "\n" + data[cut:].decode("utf-8", "ignore").partition("\n")[2]])
            version = client.change(uri, text + rest)
            line = text.count("\n")
            here = {"line": line, "character": len(text) - (text.rfind("\n") + 1)}
            document: dict[str, Any] = {"textDocument": {"uri": uri}}
            anywhere = {"line": draw.randrange(line + 1), "character": draw.randrange(80)}
            numbers = []
            for place in (here, anywhere):
                for method in ASKED:
                    more = {"context": {"includeDeclaration": True}} if method == "references" else {}
                    numbers.append(client.ask(f"textDocument/{method}", {**document, "position": place, **more}))
            for method in ("documentSymbol", "foldingRange", "documentLink"):
                numbers.append(client.ask(f"textDocument/{method}", document))
            numbers.append(client.ask("textDocument/inlayHint", {**document, "range": WHOLE}))
            numbers.append(
                client.ask("textDocument/codeAction", {**document, "range": WHOLE, "context": {"diagnostics": []}})
            )
            numbers.append(
                client.ask("textDocument/formatting", {**document, "options": {"tabSize": 2, "insertSpaces": True}})
            )
            for number in numbers:
                assert "error" not in client.answer(number), text[-60:]
            renaming = client.ask("textDocument/rename", {**document, "position": anywhere, "newName": "renamed"})
            assert client.answer(renaming).get("error", {"code": -32803})["code"] == -32803  # refused, if anything
            assert all(d["code"].startswith("NS") for d in client.diagnostics(uri, version))
