"""docs/cells.md: its files are valid, what it prints is what netspec prints, its table is the table that runs.

`pytest tests/cells/test_docs.py --overwrite` writes the printed parts anew: read the difference.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netspec
from netspec.cells.functions import PUBLIC
from netspec.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "cells.md"
BLOCK = re.compile(r"```(yaml|console)\n(.*?)```\n", re.DOTALL)
PRINTED = ("validate", "cells", "diff")  # what trains, exports or takes time is not run again here


def table() -> str:
    lines = ["| function | value |", "| --- | --- |"]
    for function in PUBLIC.values():
        law = function.law.replace("|", "\\|")
        lines.append(f"| `{function.name}({', '.join(function.arguments)})` | {law} |")
    return "\n".join(lines)


def printed(command: str) -> str:
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = [line.rstrip() for line in (result.stdout + result.stderr).splitlines()]
    return "\n".join(lines).strip("\n")


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    files = 0

    def renewed(match: re.Match[str]) -> str:
        nonlocal files
        kind, body = match[1], match[2]
        if kind == "yaml":
            name = re.match(r"# (\w+\.yaml)\n", body)
            assert name, f"a block without a file name: {body[:40]}"
            Path(name[1]).write_text(body, encoding="utf-8")
            files += 1
            return match[0]
        command = body.partition("\n")[0]
        if command.split()[2] not in PRINTED:
            return match[0]
        return f"```console\n{command}\n{printed(command.removeprefix('$ '))}\n```\n"

    found = BLOCK.sub(renewed, text)
    found = re.sub(r"\| function \| value \|\n(?:\|.*\n)*", lambda _: table() + "\n", found)
    if request.config.getoption("--overwrite"):
        PAGE.write_text(found, encoding="utf-8")
        text = found
    assert text == found
    assert files >= 4
    for path in sorted(Path().glob("*.yaml")):
        if path.name != "draft.yaml":
            assert len(netspec.load(path)) > 1
