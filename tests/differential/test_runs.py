"""Damaged run folders and models end in a result or an error with a name.  More: python -m tests.differential.runs"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from netspec import NetspecError
from tests.differential import runs
from tests.differential.damage import damage


@pytest.mark.parametrize("first", range(0, 96, 12))
def test_damaged_runs(first: int, tmp_path: Path) -> None:
    failures = [found.failure for seed in range(first, first + 12) if (found := runs.one(seed, tmp_path)).failure]
    assert not failures, "\n".join(failures)


def _refuse() -> None:
    raise NetspecError("NS622", "no")


def _raise() -> None:
    raise KeyError("no")


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (lambda: None, "ended"),
        (_refuse, "refused"),
        (_raise, "traceback"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "crash"),
        (lambda: time.sleep(60), "hang"),
    ],
)
def test_every_end_of_a_process_is_told_apart(tmp_path: Path, act: object, how: str) -> None:
    found, said = runs._in_child(act, tmp_path, 1 if how == "hang" else 50)  # type: ignore[arg-type]
    assert found == how
    assert ("KeyError: 'no'" in said) == (how == "traceback")


def test_a_seed_is_one_damage(tmp_path: Path) -> None:
    """The same on every machine, and something does change."""
    for seed in range(40):
        found = []
        for copy in ("a", "b"):
            folder = tmp_path / f"{seed}{copy}"
            folder.mkdir()
            text = json.dumps({"a": 1, "b": [1.5, {"c": "text"}], "d": None})
            (folder / "run.json").write_text(text)
            found.append(damage(folder, random.Random(seed), "predict"))
            after = folder / "run.json"
            found.append((after.read_bytes().hex() if after.is_file() else "gone", ""))
        assert found[:2] == found[2:]


@pytest.mark.parametrize("name", list(runs.TEXTS))
def test_what_is_not_damaged_is_read(name: str, tmp_path: Path) -> None:
    """Else everything would be refused, and nothing tried."""
    for kind in ("begun", "done", "model.onnx", *(["stream.onnx"] if name == "steps" else [])):
        for act, acting in runs.actions(name, kind).items():
            thing = tmp_path / f"{act}-{kind}"
            source = runs.bases() / name / kind
            shutil.copytree(source, thing) if source.is_dir() else shutil.copy(source, thing)
            code, said = runs._in_child(partial(acting, thing, runs.bases()), tmp_path, runs.SECONDS)
            assert code == "ended", (kind, act, said)
