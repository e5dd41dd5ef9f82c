"""`netspec plot` as a user types it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from netspec.cli import app

NET = """netspec: 1
name: my net
vars: {width: 4}
inputs: {x: [4]}
layers:
  fc: {type: linear, out_features: $width}
"""


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plot", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_file_is_named_after_the_network() -> None:
    assert run("net.yaml", "-q") == (0, "my-net.svg\n", "")
    assert ElementTree.parse("my-net.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(("name", "begins"), [("a.svg", "<svg "), ("a.html", "<!doctype html>"), ("a.dot", "digraph ")])
def test_the_ending_says_what_is_written(name: str, begins: str) -> None:
    code, out, _ = run("net.yaml", "-o", name)
    assert code == 0 and out.startswith(f"{name}: ") and Path(name).read_text().startswith(begins)


def test_values_can_be_changed() -> None:
    run("net.yaml", "-o", "a.dot", "--set", "width=9")
    assert "linear 9" in Path("a.dot").read_text()


def test_another_ending_is_refused_and_the_file_stays() -> None:
    code, _, err = run("net.yaml", "-o", "net.yaml")
    assert code == 2 and "does not end in one of" in err and Path("net.yaml").read_text() == NET


def test_a_page_has_no_depth() -> None:
    code, _, err = run("net.yaml", "-o", "a.html", "--depth", "1")
    assert code == 2 and "--depth" in err and not Path("a.html").exists()
    assert "How deep containers are open in .svg and .dot" in " ".join(run("--help")[1].replace("│", " ").split())


def test_what_cannot_be_written_is_said() -> None:
    Path("a.svg").symlink_to("net.yaml")
    code, _, err = run("net.yaml", "-o", "a.svg")
    assert code == 1 and "a.svg: NS704 cannot be written: it is a link to net.yaml" in err
    assert Path("net.yaml").read_text() == NET


def test_a_broken_file_is_told_as_ever() -> None:
    Path("net.yaml").write_text(NET.replace("linear", "linaer"))
    code, _, err = run("net.yaml")
    assert code == 1 and "did you mean `linear`?" in err
