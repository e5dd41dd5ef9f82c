"""What a command says of an argument that it cannot take: one code and one text for one thing, in every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

NET = """netspec: 1
name: tiny
inputs: {x: [6]}
layers:
  fc: {type: linear, out_features: 3}
outputs: {y: fc}
"""
BLOCKS = """netspec: 1
blocks:
  twice: {layers: {one: relu, two: relu}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    Path("blocks.yaml").write_text(BLOCKS)
    Path("empty").mkdir()


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, line.split())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "line",
    [
        "validate net.lock",
        "lock net.lock",
        "fmt net.lock",
        "summary net.lock",
        "plot net.lock",
        "diff net.lock net.yaml",
    ],
)
def test_a_lock_is_no_network(line: str) -> None:
    run("lock net.yaml")
    code, _, err = run(line)
    text = (
        "net.lock: NS101 the lock of a network, expected a netspec file help: name the file that it is beside: net.yaml"
    )
    assert (code, err) == (1, text)


def test_blocks_alone_are_not_locked() -> None:
    code, out, err = run("lock blocks.yaml")
    assert code == 1 and out == "0 networks, 0 changed, 1 not read or written\n"
    assert "blocks.yaml: NS108 has nothing to lock" in err and "lock the files that include it" in err


def test_what_only_reads_says_so() -> None:
    assert run("lock --check nope.yaml")[1] == "0 networks, 0 no more as locked, 1 not read\n"
    assert run("fmt --check nope.yaml")[1] == "1 file, 0 would change, 1 not read\n"


@pytest.mark.parametrize("command", ["validate", "fmt", "lock", "lock --check", "fmt --check"])
def test_a_folder_without_netspec_files_is_named(command: str) -> None:
    code, _, err = run(f"{command} empty")
    assert (code, err) == (0, "note: no netspec file stands in empty")
    assert "note" not in run(f"{command} .")[2]


@pytest.mark.parametrize("command", ["migrate nope net.yaml", "explain nope", "predict nope x.csv", "evaluate nope"])
def test_a_run_that_is_missing_has_one_code(command: str) -> None:
    code, _, err = run(command)
    assert code == 1 and err.startswith("nope: NS631 no such run") and "help: " in err


def test_a_netspec_file_has_no_weights() -> None:
    code, _, err = run("migrate net.yaml net.yaml")
    assert code == 1 and "net.yaml: NS622 is a netspec file, which has no weights help: name a run," in err


def test_a_folder_with_one_file_names_it() -> None:
    Path("one").mkdir()
    Path("one/spec.yaml").write_text(NET)
    assert "help: name the file in it, one/spec.yaml" in run("summary one")[2]


def test_an_option_is_suggested_where_it_is_like_what_was_typed() -> None:
    for line, suggested in (
        ("diff a b --set x", ""),
        ("lock a --set x", ""),
        ("plot net.yaml --format html", ""),
        ("diff a b --output x", "--out"),
        ("lock --quite net.yaml", "--quiet"),
    ):
        code, _, err = run(line)
        assert code == 2 and "No such option" in err and ("Possible" in err) == bool(suggested) and suggested in err, (
            err
        )


def test_what_has_no_schema_is_told_what_has() -> None:
    assert "`foo` is not one of file, diff." in run("schema foo")[2]
    assert "Usage: netspec schema [OPTIONS] [file|diff] " in run("schema foo")[2]


def test_help_fits_eighty_columns() -> None:
    for command in ("diff", "predict", "validate"):
        environ = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
        line = [sys.executable, "-m", "netspec", command, "--help"]
        shown = subprocess.run(line, capture_output=True, text=True, env=environ, check=True).stdout
        assert "…," not in shown and "activ…" not in shown and "mark " not in shown, shown


def test_a_language_server_without_an_editor_says_what_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "lsp"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "netspec lsp: standard input ended before `shutdown` and `exit`\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_language_server_in_a_terminal_says_what_it_is() -> None:
    import pty

    outer, inner = pty.openpty()
    line = [sys.executable, "-m", "netspec", "lsp"]
    with subprocess.Popen(line, stdin=inner, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert server.stderr.readline().startswith("netspec lsp is a language server: an editor starts it")
        server.kill()
    os.close(outer)
    os.close(inner)
