"""docs/review.md and docs/ci.md: their commands print what they show (`--overwrite` writes them anew)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "docs" / name for name in ("review.md", "ci.md")]
BLOCK = re.compile(r"```\n((?:\$ [^\n]*\n)+)(.*?)```\n", re.DOTALL)


@pytest.fixture
def architectures(tmp_path: Path) -> Path:
    """All of them, committed to a repository."""
    for file in (ROOT / "architectures").glob("*.yaml"):
        shutil.copy(file, tmp_path)
    for command in ("init -q", "config user.name n", "config user.email n@example.org", "add -A", "commit -qm all"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path


def shown(commands: str, folder: Path) -> str:
    """What the commands of a block print, `netspec` being this one."""
    script = "\n".join(line.removeprefix("$ ") for line in commands.splitlines())
    netspec = f'netspec() {{ "{sys.executable}" -m netspec "$@"; }}\n'
    environ = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    done = subprocess.run(
        ["bash", "-euc", netspec + script], cwd=folder, capture_output=True, text=True, check=True, env=environ
    )
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_print_what_it_shows(page: Path, architectures: Path, request: pytest.FixtureRequest) -> None:
    text = page.read_text(encoding="utf-8")
    anew = BLOCK.sub(lambda block: f"```\n{block[1]}{shown(block[1], architectures)}```\n", text)
    assert len(BLOCK.findall(text)) >= 4
    if request.config.getoption("overwrite"):
        page.write_text(anew, encoding="utf-8")
    else:
        assert anew == text, "run: pytest tests/report/test_review_docs.py --overwrite"
