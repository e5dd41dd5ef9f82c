"""`-o` is the same in each command: what cannot be written is told before any work, else what was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app
from netspec.report.numbers import byte_size

NET = """netspec: 1
name: tiny
inputs: {x: [6]}
layers:
  fc: {type: linear, out_features: 3}
outputs: {y: fc}
"""
COMMANDS = {
    "plot net.yaml": "x.svg",
    "diff net.yaml net.yaml": "x.html",
    "resolve net.yaml": "x.yaml",
    "export net.yaml": "x.onnx",
    "migrate old.safetensors net.yaml": "x.safetensors",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, line.split())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("line", "name"), COMMANDS.items())
def test_a_folder_that_is_missing_is_said_before_any_work(line: str, name: str) -> None:
    code, out, err = run(f"{line} -o missing/{name}")
    assert (code, out) == (1, "") and err.splitlines() == [
        f"missing/{name}: NS704 cannot be written: its folder does not exist",
        "  help: make the folder `missing`, or name another",
    ]
    assert not Path("missing").exists()
    code, out, err = run(f"{line} -o net.yaml/{name}")
    assert (code, out) == (1, "") and "NS704 cannot be written: Not a directory" in err


@pytest.mark.parametrize(("line", "name"), COMMANDS.items())
def test_a_link_is_said_before_any_work(line: str, name: str) -> None:
    Path(name).symlink_to("net.yaml")
    code, out, err = run(f"{line} -o {name}")
    assert (code, out) == (1, "") and f"{name}: NS704 cannot be written: it is a link to net.yaml" in err
    assert Path("net.yaml").read_text() == NET


def test_a_command_says_what_it_wrote() -> None:
    for line, name in list(COMMANDS.items())[:4]:
        code, out, _ = run(f"{line} -o {name}")
        assert code == 0 and byte_size(Path(name).stat().st_size) in out.splitlines()[-1], out
        assert out.splitlines()[-1].startswith(f"{name}: ")
        if not line.startswith("diff"):
            assert run(f"{line} -o {name} -q") == (0, f"{name}\n", "")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("-o x.pdf", "'x.pdf' does not end in one of .html, .md, .json, .txt."),
        ("-o net.yaml", "'net.yaml' does not end in one of"),
        ("-o change --format text", "'change' does not end in one of"),
        ("-o x.html --format json", "'x.html' says html and --format json."),
        ("-o x.txt --format markdown", "'x.txt' says text and --format markdown."),
    ],
)
def test_the_ending_says_what_a_comparison_is_written_as(options: str, text: str) -> None:
    code, out, err = run(f"diff net.yaml net.yaml {options}")
    assert (code, out) == (2, "") and text in " ".join(err.replace("│", " ").split())
    assert [path.name for path in Path().iterdir()] == ["net.yaml"] and Path("net.yaml").read_text() == NET


def test_an_ending_in_capitals_is_the_same() -> None:
    assert run("diff net.yaml net.yaml -o X.JSON")[0] == 0 and json.loads(Path("X.JSON").read_text())
    assert run("plot net.yaml -o X.SVG")[0] == 0 and Path("X.SVG").read_text().startswith("<svg ")
