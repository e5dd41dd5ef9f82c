"""`netspec cells`: figures against the modules that are built, output as a user sees it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import netspec
from netspec.cells.language.library import library_cell, library_names
from netspec.cli import app
from netspec.report.cells.find import find, library
from netspec.report.cells.formula import formula, parameters
from netspec.report.cells.listing import CellTable
from netspec.shapes.dim import at, symbol

MINE = """netspec: 1
cells:
  mine:
    params: {factor: }
    state: {h: hidden}
    output: h
    weights: {W: [hidden, input]}
    equations:
      - h[t] = factor * W @ x[t]
            + h[t-1]
  small: {state: {h: 3}, output: h, weights: {W: [3, input]}, equations: ["h[t] = W @ x[t]"]}
"""


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["cells", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "\x1b" not in result.stdout  # no terminal, no colours
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", library_names())
def test_the_formula_counts_what_torch_holds(name: str) -> None:
    net = f"netspec: 1\ninputs: {{x: [T, 3]}}\nlayers: {{rnn: {{type: {name}, hidden: 5}}}}\n"
    module: Any = netspec.to_torch(netspec.load(net))
    held = sum(p.numel() for p in module.parameters())
    assert at(parameters(library_cell(name)), {"hidden": 5, "input": 3}) == held


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (4 * symbol("hidden") * (symbol("hidden") + symbol("input")) + 7 * symbol("hidden"), "4H² + 4HI + 7H"),
        (symbol("hidden") * symbol("hidden") * symbol("hidden") - 1, "H³ − 1"),
        (symbol("input") // 2, "⌊I / 2⌋"),
        (symbol("hidden") * symbol("rank"), "H·rank"),
        (1024, "1,024"),
    ],
)
def test_formula(size: Any, text: str) -> None:
    assert formula(size) == text


def test_the_list_has_every_cell_with_its_source() -> None:
    code, out, _ = run()
    assert code == 0
    for name in library_names():
        line = next(line for line in out.splitlines() if line.split()[:1] == [name])
        assert formula(parameters(library_cell(name))) in line
    assert "4H² + 4HI + 7H" in out and "c, last (I)" in out and "arXiv:1709.02755" in out


def test_the_list_fits_a_narrow_terminal() -> None:
    from rich.console import Console

    console = Console(width=60, file=StringIO())
    console.print(CellTable(library()))
    assert max(map(len, console.file.getvalue().splitlines())) <= 60  # type: ignore[attr-defined]  # a StringIO


def test_one_cell() -> None:
    code, out, _ = run("lstm_peephole", "--hidden", "64", "--input", "32")
    assert code == 0
    for equation in library_cell("lstm_peephole").equations:
        assert f"\n  {equation.text.value}\n" in out.replace(" \n", "\n")
    assert f"{4 * 64 * 96 + 7 * 64:,}" in out  # parameters
    assert f"{4 * 64 * 96:,} a step" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "W_f, W_i, W_o, W_c [hidden, hidden + input] 64 × 96 4 × 6,144" in lines
    assert "b_f [hidden] 64 64 1.0" in lines
    assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in ("CPU", "GPU", "ONNX")]


def test_parameters_of_the_command_line() -> None:
    _, general, _ = run("sru", "--input", "64")
    _, equal, _ = run("sru", "--param", "rescale=0", "--param", "highway_bias=-2")
    assert "W_f, W_r, W_c, W_s" in general and "W_s " not in equal.partition("weight")[2]
    assert "highway_bias = -2, rescale = 0" in equal


def test_cells_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE)
    code, out, _ = run("mine.yaml")
    assert code == 0 and "mine" in out and "small" in out and "3I" in out
    code, out, _ = run("mine.yaml:mine", "--param", "factor=2", "--hidden", "4", "--input", "2")
    assert code == 0 and "h[t] = factor * W @ x[t] + h[t-1]" in out and "4 × 2" in out
    code, out, _ = run("mine.yaml:small")
    assert code == 0 and "input 128" in out and "hidden" not in out.partition("Weights without")[0]


def test_a_file_without_cells_lists_those_of_its_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(
        "netspec: 1\ninputs: {x: [T, 4]}\nlayers:\n  a: {type: sru, hidden: 8}\n"
        "  b: {type: recurrent, cell: gru, hidden: 8}\n"
    )
    assert [cell.name for cell in find("net.yaml")] == ["sru", "gru"]
    code, out, _ = run("net.yaml")
    names = [line.split()[0] for line in out.splitlines() if line[1:2].isalpha()]
    assert code == 0 and "sru" in names and "gru" in names and "lstm" not in names


def test_what_the_loop_does_is_said_in_order() -> None:
    """Two products of one step: the second waits for values after the first; of one product nothing is said."""
    _, two, _ = run("gru", "--hidden", "4")
    _, one, _ = run("lstm_peephole", "--hidden", "4")
    assert "2 packed products a step, the second after the first, the rest fused" in two
    assert "1 packed product a step, the rest fused" in one


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lsmt"], "NS201 the library has no cell 'lsmt'\n  help: did you mean `lstm`?"),
        (["mine.yaml:mien"], "mine.yaml: NS201 no cell 'mien'\n  help: did you mean `mine`?"),
        (["mine.yaml:mine"], "--param: NS204 cell `mine` needs its parameter `factor`\n  help: add `--param factor=…`"),
        (["mine.yaml:small", "--hidden", "4"], "--hidden: NS202 no size of cell `small` is `hidden`"),
        (["nine.yaml:mine"], "nine.yaml: NS101 no such file\n  help: did you mean `mine.yaml`?"),
        (["bad.yaml:mine"], "bad.yaml:9:25: NS321 unknown name `V`"),
        (
            ["sru", "--param", "rescale"],
            "--param: NS203 expected NAME=NUMBER, received 'rescale'\n  help: for example `--param rescale=1`",
        ),
        (
            ["sru", "--param", "rescale=abc"],
            "--param: NS203 expected NAME=NUMBER, received 'rescale=abc'\n  help: for example `--param rescale=1`",
        ),
        (["sru", "--param", "=1"], "  help: for example `--param NAME=1`"),
        (["plain.yaml"], "plain.yaml: NS201 the file has no `cells`, and no layer of it names one"),
        (["sru", "--param", "rescal=1"], "--param: NS202 cell `sru` has no parameter `rescal`"),
    ],
)
def test_what_is_wrong(args: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE)
    Path("plain.yaml").write_text("netspec: 1\ninputs: {x: [4]}\nlayers: {a: relu}\n")
    Path("bad.yaml").write_text(MINE.replace("factor * W", "factor * V"))
    code, out, err = run(*args)
    assert (code, out) == (1, "")
    assert message in err
