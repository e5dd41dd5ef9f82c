"""`netspec diff`: what its arguments name, its formats and its exit status."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

NET = """netspec: 1
name: tiny
vars: {width: 4}
inputs: {x: [6]}
layers:
  fc1: {type: linear, out_features: $width}
  relu: relu
  fc2: {type: linear, out_features: 3}
outputs: {y: fc2}
"""
WIDE = NET.replace("width: 4", "width: 8")


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["diff", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def git(*args: str) -> str:
    done = subprocess.run(["git", *args], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository: tag `one` has net.yaml, tag `two` a wider one."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    git("config", "user.name", "n")
    git("config", "user.email", "n@example.org")
    for tag, text in (("one", NET), ("two", WIDE)):
        Path("net.yaml").write_text(text)
        git("add", "-A")
        git("commit", "-qm", tag)
        git("tag", tag)
    Path("bad.yaml").write_text(NET.replace("relu: relu", "relu: rellu"))
    return tmp_path


def test_two_sides() -> None:
    code, out, err = run("one:net.yaml", "net.yaml")
    assert (code, err) == (0, "") and "4 -> 8" in out
    shown = json.loads(run("one:net.yaml", "net.yaml", "--format", "json")[1])
    assert shown["format_version"] == 1 and [n["path"] for n in shown["networks"]] == ["net.yaml"]


def test_exit_code_says_that_networks_differ() -> None:
    assert run("one:net.yaml", "two:net.yaml", "--exit-code")[0] == 3
    assert run("two:net.yaml", "net.yaml", "--exit-code")[0] == 0


def test_a_broken_file_ends_with_1() -> None:
    code, _, err = run("net.yaml", "bad.yaml")
    assert code == 1 and "bad.yaml:7:9: NS201 unknown layer kind `rellu`" in err
    assert run("net.yaml", "none.yaml")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "expected two networks, or a revision"),
        (("net.yaml",), "is one side"),
        (("net.yaml", "bad.yaml", "net.yaml"), "one too many"),
        (("net.yaml", "one"), "`net.yaml` is a file and `one` a revision"),
        (("net.yaml", "maim"), "did you mean `main`?"),
        (("mian",), "did you mean `main`?"),
        (("one", "none.yaml"), "is neither a path nor a revision of git"),
        (("one", "two", "one", "--"), "one revision too many"),
        (("none", "--"), "git knows no such revision"),
        (("--", "net.yaml"), "expected two networks, or a revision"),
        ((".",), "`.` is a folder, and no run"),
    ],
)
def test_what_cannot_be_told_is_a_usage_error(arguments: tuple[str, ...], text: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and text in " ".join(err.replace("│", " ").split())
