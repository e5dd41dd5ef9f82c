"""The language server on resnet152, over the real protocol: from a change of the text until its diagnostics."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, Spread, architecture, figure, in_turn
from tests.lsp.client import Client, serving, uri_of

FILE = architecture("resnet152")
TEXT = FILE.read_text(encoding="utf-8")
ASKED = {
    "hints": (
        "textDocument/inlayHint",
        {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}},
    ),
    "completion": ("textDocument/completion", {"position": {"line": 6, "character": 11}}),
}


def keystrokes(client: Client) -> Callable[[], None]:
    """Each call is one: another text, and the wait for what is wrong with it, which is nothing."""
    numbers = count()
    uri = uri_of(FILE)

    def keystroke() -> None:
        repeat = 36 - next(numbers) % 2  # a network changes, not a comment
        version = client.change(uri, TEXT.replace("repeat: 36", f"repeat: {repeat}"))
        client.diagnostics(uri, version)

    return keystroke


def answers(client: Client, asked: str) -> Callable[[], None]:
    method, params = ASKED[asked]
    return lambda: client.request(method, {"textDocument": {"uri": uri_of(FILE)}, **params})


def measure(quick: bool) -> list[Figure]:
    rounds = 5 if quick else 50
    with serving(FILE.parent) as client:
        client.diagnostics(client.open(FILE), 1)
        sides = {
            "netspec": keystrokes(client),
            "load": lambda: netspec.load(FILE),
            "again": lambda: netspec.load(FILE),
            **{asked: answers(client, asked) for asked in ASKED},
        }
        for side in sides.values():
            side()
        times = in_turn(sides, rounds)
    alone = {name: Spread.of([t * 1e3 for t in found]) for name, found in times.items()}
    return [
        Figure("`netspec lsp`: a keystroke in resnet152 until its diagnostics", "", "ms", alone["netspec"], bound=100),
        figure(
            "`netspec lsp`: the same",
            "`netspec.load` of the file",
            times,
            bound=None,
            theirs="load",
            control="again",
        ),
        *(Figure(f"`netspec lsp`: {asked} in resnet152", "", "ms", alone[asked], bound=20) for asked in ASKED),
    ]


if __name__ == "__main__":
    main("lsp", measure)
