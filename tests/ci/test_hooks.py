"""The hooks for pre-commit, run as it runs them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
BLOCKS = "netspec: 1\nblocks:\n  one:\n    layers:\n      fc: {type: linear, out_features: 3}\n"
NET = "netspec: 1\ninclude: [blocks.yaml]\ninputs: {x: [6]}\nlayers:\n  body: one\noutputs: {y: body}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a network, a file of blocks, and YAML files that are not netspec's."""
    monkeypatch.chdir(tmp_path)
    for path, text in {
        "nets/net.yaml": NET,
        "nets/blocks.yaml": BLOCKS,
        ".pre-commit-config.yaml": "repos: []\n",
        "compose.yaml": "services:\n  web: {image: nginx}\n",
    }.items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text)


def run(hook: str) -> tuple[int, str]:
    """Its exit status and output; it gets no names of files."""
    assert HOOKS[hook]["pass_filenames"] is False and HOOKS[hook]["language"] == "system"
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    assert program == "netspec"
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout + done.stderr


def test_all_hooks_are_here() -> None:
    assert list(HOOKS) == ["netspec-validate", "netspec-fmt", "netspec-lock"]
    assert all(hook["name"] and hook["description"] for hook in HOOKS.values())


def test_validate() -> None:
    assert run("netspec-validate") == (0, "")
    Path("nets/blocks.yaml").write_text(BLOCKS.replace("linear", "linaer"))
    code, out = run("netspec-validate")  # the block is changed, the network breaks
    assert code == 1 and "NS201 unknown layer kind `linaer`" in out


def test_fmt() -> None:
    code, _ = run("netspec-fmt")
    subprocess.run(
        [sys.executable, "-m", "netspec", "fmt", "."], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert run("netspec-fmt")[0] == 0
    Path("nets/net.yaml").write_text(NET.replace("[6]", "[6 ]"))
    code, out = run("netspec-fmt")
    assert code != 0 and "nets/net.yaml" in out and "compose" not in out


def test_lock() -> None:
    code, out = run("netspec-lock")
    assert code == 3 and "net.lock is missing" in out and "blocks" not in out
    subprocess.run(
        [sys.executable, "-m", "netspec", "lock", "."], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert run("netspec-lock")[0] == 0
    Path("nets/blocks.yaml").write_text(BLOCKS.replace("3", "5"))
    code, out = run("netspec-lock")
    assert code == 3 and "out_features 3 -> 5" in out
