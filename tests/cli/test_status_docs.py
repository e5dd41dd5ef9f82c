"""docs/language.md: each exit status that it lists is the one that the commands end with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
STATUSES = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.partition("| exit status |")[2], re.MULTILINE))
NET = "netspec: 1\ninputs:\n  x: [4]\nlayers:\n  fc: {type: linear, out_features: 3}\n"
ENDINGS = {
    "validate net.yaml": 0,
    "validate broken.yaml": 1,
    "plot net.yaml -o missing/net.svg": 1,
    "validate --dept": 2,
    "fmt --check loose.yaml": 3,
    "fmt --diff loose.yaml": 3,
    "lock --check net.yaml": 3,
    "diff --exit-code net.yaml wide.yaml": 3,
    "diff --fail-on params:+0 net.yaml wide.yaml": 3,
}


@pytest.mark.parametrize(("words", "status"), ENDINGS.items())
def test_commands_end_as_listed(words: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {"net": NET, "wide": NET.replace("3}", "5}"), "broken": NET.replace("linear", "linnear")}
    for name, text in {**texts, "loose": NET.replace("{type: linear, ", "{ type: linear,  ")}.items():
        Path(f"{name}.yaml").write_text(text)
    assert CliRunner().invoke(app, words.split()).exit_code == status


def test_the_list() -> None:
    assert set(STATUSES) == {"0", "1", "2", "3", "130"} and set(map(str, ENDINGS.values())) == set(STATUSES) - {"130"}
    tried = " ".join(words for words, status in ENDINGS.items() if status == 3)
    assert set(re.findall(r"--[a-z-]+", STATUSES["3"])) == set(re.findall(r"--[a-z-]+", tried))
