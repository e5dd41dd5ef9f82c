"""The README: its table has every architecture, and its commands print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.graph.cost import total

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLOWERS = README.partition("```yaml\n")[2].partition("```")[0]


def test_the_table_has_every_architecture_with_its_parameters() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(architectures/(\w+)\.yaml\) \| .+ \| ([\d,]+) \|$", README, re.MULTILINE)
    table = {name: params for name, file, params in rows if name == file}
    files = sorted((ROOT / "architectures").glob("*.yaml"))
    assert table == {file.stem: f"{total(netspec.load(file)).params:,}" for file in files}
    assert len(rows) == len(files)


def shown(command: str) -> str:
    """What the README shows under `$ command`."""
    return README.partition(f"$ {command}\n")[2].partition("```")[0]


def run(command: str) -> str:
    result = CliRunner().invoke(app, command.split()[1:])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flowers.yaml").write_text(FLOWERS)
    Path("deeper.yaml").write_text(FLOWERS.replace("width: 16", "width: 12").replace("repeat: 2", "repeat: 3"))


@pytest.mark.parametrize(
    "command",
    [
        "netspec validate flowers.yaml",
        "netspec summary flowers.yaml",
        "netspec plot flowers.yaml -o flowers.html --quiet",
        "netspec diff flowers.yaml deeper.yaml",
    ],
)
def test_commands_print_what_it_shows(command: str, flowers: None) -> None:
    assert run(command) == shown(command)


def test_migrated_weights_are_told_of_as_it_shows(flowers: None) -> None:
    save_file(netspec.to_torch(netspec.load("flowers.yaml")).state_dict(), "old.safetensors")
    command = "netspec migrate runs/flowers-1 flowers.yaml --set layers.block.repeat=3"
    told = run(f"{command.replace('runs/flowers-1', 'old.safetensors')} --of flowers.yaml")
    assert told == shown(command)


def test_the_error_is_the_one_it_shows(flowers: None) -> None:
    fc = "fc: {type: linear, out_features: $width}\n      tanh"
    assert fc in FLOWERS
    Path("flowers.yaml").write_text(FLOWERS.replace(fc, fc.replace("$width", "8")))
    result = CliRunner().invoke(app, ["validate", "flowers.yaml"])
    assert result.exit_code == 1 and f"```\n{result.stderr}```" in README


def test_a_trained_network_is_evaluated_exported_and_used_as_it_shows(flowers: None) -> None:
    """Of losses, errors and times the digits are the machine's: everything else is held, the size of the model too."""
    Path("new.csv").write_text(shown("cat new.csv").partition("$ ")[0])
    for command in (
        "netspec train flowers.yaml",
        "netspec evaluate runs/flowers-1",
        "netspec export runs/flowers-1",
        "netspec predict flowers.onnx new.csv",
    ):
        assert without_digits(run(command)) == without_digits(shown(command)), command


def without_digits(text: str) -> str:
    text = re.sub(r"(?<= )\d\.\d+(e-\d+)?(?! KiB)\b", "…", re.sub(r"epochs: \d+", "epochs: …", text))
    return re.sub(r"[ ─\n]+", " ", text)


def test_every_command_is_run_here_or_needs_none_of_netspec() -> None:
    for command in re.findall(r"^\$ (.+)$", README, re.MULTILINE):
        assert command.startswith("sed ") or f'"{command}"' in Path(__file__).read_text(encoding="utf-8"), command


def test_every_page_of_docs_is_linked() -> None:
    linked = set(re.findall(r"\]\(docs/(\w+\.md)", README))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")}
