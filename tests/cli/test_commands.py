"""The commands as a user types them: output, exit status, and never a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.cli.lazy import COMMANDS

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


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    Path("bad.yaml").write_text(NET.replace("relu: relu", "relu: rellu"))
    return "net.yaml"


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_validate_says_what_it_found(net: str) -> None:
    assert run("validate", net) == (0, "net.yaml: ok, 43 parameters, 36 FLOPs\n", "")


def test_validate_goes_on_after_a_wrong_file(net: str) -> None:
    code, out, err = run("validate", "bad.yaml", "none.yaml", net)
    assert code == 1 and out == "net.yaml: ok, 43 parameters, 36 FLOPs\n"
    assert "bad.yaml:7:9: NS201 unknown layer kind `rellu`" in err and "did you mean `relu`?" in err
    assert "none.yaml: NS101 no such file" in err


def test_validate_warns_of_an_unused_layer(net: str) -> None:
    Path(net).write_text(NET.replace("y: fc2", "y: fc1"))
    code, _, err = run("validate", net)
    assert code == 0 and "NS312 warning: layer `fc2` is not used by any output" in err


@pytest.mark.parametrize(
    ("layer", "count", "name"),
    [
        ("{type: linear, out_features: 1e9}", "2,000,000,000", "big"),
        ("{type: lstm, hidden: 30000}", "3,600,240,000", "big"),
        ("{type: sequence, repeat: 5, layers: {l: {type: linear, out_features: 15000}}}", "900,090,000", ""),
        ("{type: sequence, repeat: 6, layers: {l: {type: linear, out_features: 15000}}}", "1,125,105,000", "big.1.l"),
        ("{type: linear, out_features: 1e9}\nbudget: {params: 2G}", "2,000,000,000", ""),
    ],
)
def test_validate_warns_of_more_parameters_than_anybody_means(
    tmp_path: Path, layer: str, count: str, name: str
) -> None:
    (tmp_path / "net.yaml").write_text(f"netspec: 1\ninputs: {{x: [3, 1]}}\nlayers:\n  big: {layer}\n")
    code, out, err = run("validate", str(tmp_path / "net.yaml"))
    assert code == 0 and f"ok, {count} parameters" in out
    assert (f"NS314 warning: the network has {count} parameters, more than 1,000,000,000" in err) == bool(name)
    assert f"`{name}` alone has" in err or not name


def test_validate_formats(net: str) -> None:
    code, out, _ = run("validate", "bad.yaml", "--format", "json")
    assert code == 1 and [(p["code"], p["line"], p["level"]) for p in json.loads(out)] == [("NS201", 7, "error")]
    code, out, _ = run("validate", "bad.yaml", "--format", "github")
    assert code == 1 and out.startswith("::error file=bad.yaml,line=7,endLine=7,col=9,")
    assert run("validate", net, "--format", "json")[:2] == (0, "[]\n")
    assert run("validate", net, "--format", "github")[:2] == (0, "")


def test_validate_reads_data_and_train(net: str) -> None:
    Path(net).write_text(NET + "data: {source: iriss}\ntrain: {loss: cross_entropi, optimizer: adam}\n")
    code, _, err = run("validate", net)
    assert code == 1 and "did you mean `iris`?" in err and "did you mean `cross_entropy`?" in err


def test_wrong_command_lines_end_with_2(net: str) -> None:
    for args in (
        ("validate",),
        ("summary",),
        ("summary", net, "--format", "pdf"),
        ("nonsense",),
        ("export", net, "--onx"),
    ):
        assert run(*args)[0] == 2, args


def test_set_changes_a_value(net: str) -> None:
    code, out, _ = run("summary", net, "--set", "width=5", "--set", "layers.fc2.bias=false", "--format", "json")
    assert code == 0 and json.loads(out)["params"] == 6 * 5 + 5 + 5 * 3
    code, _, err = run("summary", net, "--set", "witdh=5")
    assert code == 1 and "has no variable `witdh`" in err


def test_summary_formats(net: str) -> None:
    assert "43" in run("summary", net)[1]
    assert run("summary", net, "--format", "markdown")[1].startswith("### tiny")


def test_diff_text_and_json(net: str) -> None:
    Path("wide.yaml").write_text(NET.replace("width: 4", "width: 8"))
    code, out, _ = run("diff", net, "wide.yaml")
    assert code == 0 and "~ fc1 (linear): out_features 4 -> 8; " in out
    assert (
        json.loads(run("diff", net, "wide.yaml", "--format", "json")[1])["networks"][0]["difference"]["totals"][0][
            "what"
        ]
        == "params"
    )
    assert run("diff", net, net)[1].endswith("same text\n")
    assert run("diff", net, "none.yaml")[0] == 1


def test_layers_reference() -> None:
    code, out, _ = run("layers")
    assert code == 0 and all(kind in out for kind in ("conv2d", "residual", "multi_head_attention"))
    code, out, _ = run("layers", "conv2d")
    assert code == 0 and "out_channels  a whole number of at least 1; required" in out
    code, _, err = run("layers", "conv2")
    assert code == 1 and "did you mean `conv2d`?" in err


def test_every_kind_has_a_page_with_its_parameters() -> None:
    from netspec.frontend.containers import CONTAINERS
    from netspec.layers import kinds
    from netspec.report.layer_reference import page
    from netspec.source.records import fields_of

    for name, cls in {**kinds(), **CONTAINERS}.items():
        text = page(name)
        assert all(f"  {field}" in text for field in fields_of(cls)), name


def test_schema_is_json() -> None:
    assert json.loads(run("schema")[1])["title"] == "netspec"


def test_export_writes_a_verified_file(net: str) -> None:
    code, out, err = run("export", net)
    assert code == 0 and out.startswith("tiny.onnx: ") and "agrees with PyTorch" in out and "fresh" in err
    model = Path("tiny.onnx").read_bytes()
    assert run("export", net, "--onnx", "--out", "again.onnx")[0] == 0
    assert Path("again.onnx").read_bytes() == model
    assert run("export", net, "--quiet") == (0, "tiny.onnx\n", "")
    code, _, err = run("export", net, "--onnx", "-o", "net.yaml/x.onnx")
    assert code == 1 and "NS704 cannot be written" in err


def test_help_has_examples() -> None:
    for command in COMMANDS:
        code, out, _ = run(command, "--help")
        assert code == 0 and f"netspec {command}" in out, command


def test_version() -> None:
    assert run("--version")[1] == f"netspec {netspec.__version__}\n"


def test_light_commands_do_not_import_torch(net: str) -> None:
    for args in (["validate", net], ["summary", net], ["diff", net, net], ["layers"], ["schema"]):
        code = (
            "import sys\nfrom netspec.cli import app\n"
            f"try:\n    app({args!r})\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
            "heavy = {'torch', 'onnx', 'onnxruntime', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path.cwd())


def test_a_command_imports_no_other(net: str) -> None:
    code = (
        "import sys\nfrom netspec.cli import app\n"
        "try:\n    app(['layers', 'relu'])\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "found = [m for m in sys.modules if m.startswith('netspec.cli.commands.')]\n"
        "assert found == ['netspec.cli.commands.layers'], found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path.cwd())


def test_every_command_has_a_file_and_every_file_is_a_command() -> None:
    folder = Path(netspec.__file__).parent / "cli" / "commands"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(COMMANDS)
    code, out, _ = run("--help")
    assert code == 0 and all(re.search(rf"^\W*{name} +\S", out, re.MULTILINE) for name in COMMANDS)
    code, _, err = run("validat")
    assert code == 2 and "Did you mean 'validate'" in err


def test_python_cli_py_is_the_same_command() -> None:
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "cli.py", "--version"], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == f"netspec {netspec.__version__}\n"


def test_validate_takes_folders_and_files_of_blocks(net: str) -> None:
    Path("bad.yaml").unlink()
    Path("blocks.yaml").write_text("netspec: 1\nblocks: {one: {layers: {fc: {type: linear, out_features: 3}}}}\n")
    Path("other.yaml").write_text("services: {}\n")
    assert run("validate", ".") == (
        0,
        "blocks.yaml: ok, no network by itself\nnet.yaml: ok, 43 parameters, 36 FLOPs\n",
        "",
    )
    Path("blocks.yaml").write_text("netspec: 1\nblocks: 3\ncells: {m: 5}\n")
    code, out, err = run("validate", "blocks.yaml", "other.yaml")
    assert code == 1 and out == "" and "`blocks` expects a mapping" in err and "blocks.yaml:3:12" in err
    assert "other.yaml:1:1: NS201" in err or "unknown key" in err
