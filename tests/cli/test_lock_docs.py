"""docs/lock.md: its files and its commands, as they print.  `pytest … --overwrite` writes the output anew."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "lock.md"
DIGEST = re.compile("1:[0-9a-f]{64}")  # tests/graph hold what they are
EXPLAINED = re.compile(r"```\n\$ netspec explain digits.onnx\n(.*?)```", re.DOTALL)
DIGITS = """netspec: 1
name: digits
vars: {width: 32}
inputs: {image: [64]}
layers:
  fc1: {type: linear, out_features: $width}
  relu1: relu
  fc2: {type: linear, out_features: $width}
  relu2: relu
  fc3: {type: linear, out_features: 10}
"""
BLOCK = re.compile(r"```(yaml|console)\n(.*?)```", re.DOTALL)


def printed(command: str) -> str:
    program, *words = command.split()
    if program == "cat":
        return Path(words[0]).read_text(encoding="utf-8")
    if "--check" in words:  # as the page says above it
        blocks = Path("blocks.yaml")
        blocks.write_text(blocks.read_text(encoding="utf-8").replace("act: relu", "act: gelu"))
    result = CliRunner().invoke(app, words)
    assert result.exit_code in (0, 3), result.output
    return result.stdout


def test_the_page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")

    def renewed(match: re.Match[str]) -> str:
        kind, body = match.groups()
        first = body.partition("\n")[0]
        if kind == "yaml":
            Path(first.removeprefix("# ")).write_text(body, encoding="utf-8")
            return match[0]
        return f"```console\n{first}\n{printed(first.removeprefix('$ '))}```"

    found = BLOCK.sub(renewed, text)
    if request.config.getoption("--overwrite"):
        PAGE.write_text(found, encoding="utf-8")
        text = found
    assert DIGEST.sub("1:…", text) == DIGEST.sub("1:…", found)


def test_what_explain_says_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network was committed, then changed, then exported with a value set; commit, day and digests are its own."""
    monkeypatch.chdir(tmp_path)
    Path("digits.yaml").write_text(DIGITS)
    for command in ("init -q", "config user.name n", "config user.email n@example.org", "add .", "commit -qm wider"):
        subprocess.run(["git", *command.split()], check=True)
    Path("digits.yaml").write_text(DIGITS.replace("relu2: relu", "relu2: gelu"))
    for words in (["export", "digits.yaml", "--set", "vars.width=64"], ["explain", "digits.onnx"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    documented = EXPLAINED.findall(PAGE.read_text(encoding="utf-8"))
    assert [without_hashes(text) for text in documented] == [without_hashes(result.stdout)]


def without_hashes(text: str) -> str:
    return re.sub(r"commit   [0-9a-f]{12}  [0-9-]{10},", "commit …,", DIGEST.sub("1:…", text))
