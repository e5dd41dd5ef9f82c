"""What commands print, as a pipe, a file and a terminal get it."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from netspec.cli.output import shows_colour

NET = """netspec: 1
name: tiny
description: A short one.
inputs: {x: [6]}
layers:
  fc1: {type: linear, out_features: 4}
  relu: relu
  fc2: {type: linear, out_features: 3}
outputs: {y: fc2}
data: {source: iris}
train: {loss: cross_entropy, epochs: 2}
"""
IRIS = NET.replace("[6]", "[4]")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(IRIS)
    Path("wide.yaml").write_text(IRIS.replace("out_features: 4", "out_features: 8"))
    Path("bad.yaml").write_text(IRIS.replace("relu: relu", "relu: rellu"))
    return tmp_path


def netspec(line: str, **environ: str) -> tuple[int, str, str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")}
    done = subprocess.run([sys.executable, "-m", "netspec", *line.split()], capture_output=True, text=True,
                          timeout=120, env={**clean, "TERM": "xterm", **environ})  # fmt: skip
    return done.returncode, done.stdout, done.stderr


TABLES = ["summary net.yaml", "diff net.yaml wide.yaml", "layers", "cells", "cells lstm"]


@pytest.mark.parametrize("color", ["", "1"])
@pytest.mark.parametrize("line", TABLES)
def test_piped_lines_end_without_blanks(line: str, color: str) -> None:
    code, out, err = netspec(line, **({"FORCE_COLOR": color} if color else {}))
    assert (code, err) == (0, "") and out.count("\n") > 5
    bare = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert (bare == out) == (not color)
    assert [text for text in bare.split("\n") if text != text.rstrip()] == []
    assert not re.search(r"[ \t](\x1b\[[\d;]*m)+\n", out)


@pytest.mark.parametrize("line", TABLES)
def test_no_colour_wins_over_a_forced_one_in_tables_too(line: str) -> None:
    plain = netspec(line)
    assert netspec(line, NO_COLOR="1", FORCE_COLOR="1") == plain and "\x1b" not in plain[1]


@pytest.mark.slow
def test_results_of_a_run_end_without_blanks() -> None:
    for line in ("train net.yaml --device cpu --run r", "evaluate r"):
        code, out, err = netspec(line)
        assert (code, err) == (0, "") and out.count("\n") > 5
        assert [text for text in out.split("\n") if text != text.rstrip()] == [], line


def test_a_forced_colour_colours_errors_too() -> None:
    plain = "bad.yaml:7:9: NS201 unknown layer kind `rellu`"
    assert netspec("validate bad.yaml")[2].startswith(plain)
    for line in ("validate bad.yaml", "summary bad.yaml"):
        code, _, err = netspec(line, FORCE_COLOR="1")
        assert code == 1 and "\x1b[31mNS201" in err and "\x1b[36mhelp:" in err
        assert netspec(line, FORCE_COLOR="1", NO_COLOR="1")[2].startswith(plain)
        assert netspec(line, FORCE_COLOR="")[2].startswith(plain)


def test_a_forced_colour_keeps_the_width_of_a_pipe() -> None:
    assert "receptive field" in netspec("summary net.yaml", FORCE_COLOR="1")[1]


@pytest.mark.slow
def test_quiet_leaves_problems_and_results() -> None:
    Path("unused.yaml").write_text(IRIS.replace("y: fc2", "y: relu").replace("iris}", "iris, standardize: both}"))
    assert netspec("validate -q net.yaml") == (0, "", "")
    code, out, err = netspec("validate --quiet net.yaml bad.yaml unused.yaml")
    assert code == 1 and out == "" and "NS201 unknown layer kind" in err and "NS312 warning: " in err
    assert netspec("validate -q --format json net.yaml") == (0, "[]\n", "")
    assert netspec("train -q net.yaml --device cpu --run r") == (0, "r\n", "")
    loud, quiet = netspec("evaluate r"), netspec("evaluate r -q")
    assert quiet == loud


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


VALUES = {"NO_COLOR": (None, "", "1"), "FORCE_COLOR": (None, "", "0", "1"), "TTY_COMPATIBLE": (None, "0", "1", "2"),
          "TERM": (None, "dumb", "unknown", "xterm-256color")}  # fmt: skip


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_colours_are_shown_where_rich_shows_them(stream: io.StringIO) -> None:
    for values in product(*VALUES.values()):
        environ = {name: value for name, value in zip(VALUES, values, strict=True) if value is not None}
        console = Console(file=stream, _environ=environ)
        assert shows_colour(stream, environ) == (console.color_system is not None and not console.no_color), environ
    assert not shows_colour(None, {})


def on_a_terminal(line: str, columns: int) -> str:
    """What a terminal of so many columns gets."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(columns), TERM="xterm", NO_COLOR="1")
        os.execv(sys.executable, [sys.executable, "-m", "netspec", *line.split()])
    out = b""
    with suppress(OSError):  # EIO: the command has ended
        while part := os.read(terminal, 65536):
            out += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return re.sub(r"\x1b\[[\d;]*m", "", out.decode()).replace("\r", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_page_is_not_written_to_a_terminal() -> None:
    shown = on_a_terminal("diff net.yaml wide.yaml --format html", 100)
    assert "a page is for a browser: `-o change.html` writes it" in " ".join(shown.replace("│", " ").split())
    assert netspec("diff net.yaml wide.yaml --format html")[1].startswith("<!doctype html>")


NAME = "a_long_name_" * 8


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_narrow_terminal_gets_whole_names_and_tables_that_fit() -> None:
    Path("wide.yaml").write_text(IRIS.replace("relu: relu", "relu: relu\n  " + NAME + ": relu"))
    text = on_a_terminal("diff net.yaml wide.yaml", 40)
    assert NAME + ":" in text
    inner = f"{NAME}: {{type: sequence, layers: {{{NAME}: {{type: sequence, layers: {{{NAME}: relu}}}}}}}}"
    Path("wide.yaml").write_text(IRIS.replace("relu: relu", f"relu: relu\n  {inner}"))
    assert f"{NAME}: sequence of sequence\n" in netspec("diff net.yaml wide.yaml")[1]
    assert max(map(len, on_a_terminal("summary net.yaml", 60).splitlines())) <= 60
