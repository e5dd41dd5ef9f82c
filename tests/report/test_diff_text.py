"""A difference on a terminal, in a pipe and on a narrow one: what is read, how wide it is, in which colours."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import netspec
from netspec.report.bars import bar
from netspec.report.diff.text import render
from netspec.report.styled import Lines, Styled, plain
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.difference import Side

ARCHITECTURES = Path(__file__).parent.parent.parent / "architectures"
PAIRS = [(18, 34, 14), (34, 50, 24), (50, 101, 12)]


def files(before: int, after: int) -> list[str]:
    return [f"resnet{before}.yaml", f"resnet{after}.yaml"]


def piped(*args: str, **environment: str) -> str:
    command = [sys.executable, "-m", "netspec", "diff", *args]
    environ = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | environment
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environ, cwd=ARCHITECTURES)
    return done.stdout


def on_a_terminal(columns: int, *args: str, **environment: str) -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ARCHITECTURES)
        for name in ("NO_COLOR", "FORCE_COLOR"):
            os.environ.pop(name, None)
        os.environ.update(COLUMNS=str(columns), TERM="xterm", **environment)
        os.execv(sys.executable, [sys.executable, "-m", "netspec", "diff", *args])
    out = b""
    with suppress(OSError):  # EIO: the command has ended
        while part := os.read(terminal, 65536):
            out += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return out.decode().replace("\r", "")


def bare(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.mark.parametrize(("before", "after", "most"), PAIRS)
def test_lines_to_read(before: int, after: int, most: int) -> None:
    lines = piped(*files(before, after)).splitlines()
    assert len(lines) <= most
    assert lines[0].endswith(": architecture changed; budget changed")
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("columns", [50, 80, 120])
def test_it_fits_the_terminal_and_has_bars(columns: int) -> None:
    lines = bare(on_a_terminal(columns, *files(34, 50))).splitlines()
    assert max(map(len, lines)) <= columns and all(lines)
    assert sum("█" in line for line in lines) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_colours_are_those_of_a_terminal_unless_they_are_unwanted() -> None:
    text = on_a_terminal(100, *files(18, 34))
    assert "\x1b[32m+ \x1b[0m" in text and bare(text) != text
    assert bare(on_a_terminal(100, *files(18, 34), NO_COLOR="1")) == on_a_terminal(100, *files(18, 34), NO_COLOR="1")
    assert "\x1b[" not in piped(*files(18, 34)) and "\x1b[" in piped(*files(18, 34), FORCE_COLOR="1")
    assert bare(piped(*files(18, 34), FORCE_COLOR="1")) == piped(*files(18, 34))


def test_all_spells_out_every_layer() -> None:
    short, every = (piped(*files(18, 34), *more).splitlines() for more in ((), ("--all",)))
    assert sum(line.startswith("  + layer") for line in every) == 8 * 7
    assert sum(line.startswith("  · ") for line in every) == 7
    head = [line.removesuffix(" (--all lists all layers)") for line in short]
    assert [line for line in head if line not in every] == []


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(4, 8, "████▒▒▒▒"), (8, 4, "████░░░░"), (8, 8, "████████"), (0, 5, "▒▒▒▒▒▒▒▒"), (0, 0, ""), (7, 0, "░░░░░░░░")],
)
def test_a_bar(before: int, after: int, text: str) -> None:
    assert "".join(part.text for part in bar(before, after, 8)) == text
    assert bar(before, after, 4) == []


def test_lines_are_cut_between_words_and_set_in() -> None:
    line = (Styled("one two "), Styled("three_is_a_long_name", "red"), Styled(" four"))
    lines = Lines(lambda width: [line])
    assert lines.text(20, colour=False, wrap=True) == "one two\n      three_is_a_long_name\n      four"
    assert lines.text(20, colour=False, wrap=False) == plain(line)
    assert lines.text(80, colour=True, wrap=True) == "one two \x1b[31mthree_is_a_long_name\x1b[0m four"


def test_a_new_network_is_spelled_out_on_all() -> None:
    short, every = (piped("/dev/null", "resnet18.yaml", *more).splitlines() for more in ((), ("--all",)))
    assert short == every[: len(short)] and len(short) == 4
    assert sum(line.startswith("  + ") for line in every) == 68


def test_a_legend_stands_beside_the_first_bar() -> None:
    lines = piped(*files(18, 34)).splitlines()
    assert [line.partition("  █ ")[2] for line in lines if "▒" in line] == ["both ▒ added", "", "", ""]


def test_the_same_change_of_several_networks_is_said_once() -> None:
    networks = []
    for name in "abc":
        text = f"netspec: 1\ninputs: {{x: [{5 if name == 'c' else 4}]}}\nlayers:\n  act: relu\n"
        sides = [Side("n", netspec.load(text.replace("relu", kind))) for kind in ("relu", "gelu")]
        networks.append(Compared(f"{name}.yaml", "n", "n", compare(*sides)))
    [block] = render(networks, False)
    assert block.text(88, colour=False, wrap=False).splitlines() == [
        "a.yaml, b.yaml, c.yaml: architecture changed",
        "~ act: relu -> gelu",
        "unchanged   parameters, FLOPs, activations, depth",
    ]


def test_a_cause_is_not_said_twice(tmp_path: Path) -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  fc: {type: linear, out_features: 3}\n"
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for file, features in zip(files, "35", strict=True):
        file.write_text(text.replace("3", features))
    lines = piped(*map(str, files)).splitlines()
    assert lines[1] == "~ fc (linear): out_features 3 -> 5 (line 4); (B, 3) -> (B, 5), +10 parameters"
    assert not any("layers.fc" in line for line in lines)
