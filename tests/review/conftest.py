"""A git repository to compare states of."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.review.texts import BASE, WIDE, Git


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with two commits, whose folder is the current one."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("GIT_")]:
        monkeypatch.delenv(name)

    def run(*command: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *command], check=True, capture_output=True, text=True).stdout

    run("init", "-q")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "base.yaml").write_text(BASE)
    (tmp_path / "nets" / "wide.yaml").write_text(WIDE)
    run("add", ".")
    run("commit", "-qm", "one")
    (tmp_path / "nets" / "base.yaml").write_text(BASE.replace("out_features: 8", "out_features: 16"))
    run("commit", "-qam", "two")
    run("tag", "second")
    return run
