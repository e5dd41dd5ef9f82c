"""Which bytes are taken for a netspec file without being parsed: each that the parser would take for one."""

from __future__ import annotations

import pytest

import netspec
from netspec.source.netspec_file import is_netspec

REST = "inputs: {x: [4]}\nlayers: {r: relu}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"netspec: 1\n{REST}",
        f"\ufeffnetspec: 1\n{REST}",
        f"{REST}'netspec' : 1\n",
        f"? netspec\n: 1\n{REST}",
        f"{REST}netspec: 1\n".replace("\n", "\r"),
        f"{REST}netspec: 1\n".replace("\n", "\r\n"),
        f"{REST}netspec: 1\n".replace("\n", "\x85"),
        '{"inputs": {"x": [4]},"netspec":1, "layers": {"r": "relu"}}\n',
    ],
)
def test_a_netspec_file_is_known_however_it_is_written(text: str) -> None:
    assert [node.kind for node in netspec.load(f"{text}\n").layers()] == ["relu"]
    assert is_netspec(text.encode())


@pytest.mark.parametrize(
    "text", ["", "a: {b: 1}\n", "# of netspec: nothing\na: 1\n", "my_netspec: 1\n", "netspecs: 1\n"]
)
def test_other_files_are_none(text: str) -> None:
    assert not is_netspec(text.encode())
