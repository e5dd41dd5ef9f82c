"""A run folder belongs to one process at a time, and no longer than that process lives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netspec
from netspec import NetspecError
from netspec.source.lock import LOCK, InUseError, hold, holder
from netspec.training.claim import claimed
from netspec.training.train import train

NET = """
netspec: 1
name: %s
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
outputs: {species: fc}
data: {source: iris}
train: {loss: cross_entropy, epochs: 2}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claim(name: str, run: Path | None = None, resume: bool = False, keep: bool = True) -> Path:
    with claimed(name, run, resume) as folder:
        if keep:
            (folder / "spec.yaml").touch()
        return folder


def names(folder: Path = Path()) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_numbers() -> None:
    assert claim("a net") == Path("runs/a-net-1")
    Path("runs/a-net-2").mkdir()
    Path("runs/a-net-10").mkdir()
    Path("runs/a-net-x").mkdir()
    assert claim("a net", resume=True) == Path("runs/a-net-1"), "the others were killed before they began"
    assert claim("a net") == Path("runs/a-net-11")
    assert claim("a net", resume=True) == Path("runs/a-net-11")
    with pytest.raises(NetspecError, match="no run runs/other-… to go on with"):
        claim("other", resume=True)
    assert claim("../outside/planted") == Path("runs/outside-planted-1")


def test_a_link_with_the_next_number_is_not_followed(here: Path) -> None:
    (here / "outside").mkdir()
    Path("runs").mkdir()
    Path("runs/a-1").symlink_to(here / "outside")
    Path("runs/a-2").symlink_to(here / "nowhere")
    assert claim("a") == Path("runs/a-3")
    assert not names(here / "outside") and not (here / "nowhere").exists()


def test_what_nothing_was_written_to_is_taken_away() -> None:
    claim("a", keep=False)
    claim("a", Path("deep/er"), keep=False)
    assert names() == ["deep"] and not names(Path("deep"))
    Path("there").mkdir()
    claim("a", Path("there"), keep=False)
    assert "there" in names() and not names(Path("there"))


def test_a_folder_in_use_is_refused() -> None:
    with claimed("a", Path("r"), False):
        for resume in (False, True):
            with pytest.raises(NetspecError, match=f"r: NS622 is in use: process {os.getpid()} trains there"):
                claim("a", Path("r"), resume)
        assert holder(Path("r")) == f"process {os.getpid()}"
    assert holder(Path("r")) == "" and not Path("r").exists()


def test_a_link_in_the_place_of_the_lock(here: Path) -> None:
    precious = here / "precious"
    precious.write_text("old")
    (here / "r").mkdir()
    (here / "r" / LOCK).symlink_to(precious)
    with pytest.raises(NetspecError, match="NS624 cannot write"):
        claim("a", here / "r")
    assert precious.read_text() == "old"


@pytest.mark.parametrize("text", ["", "{}", "[", '{"process": "x", "host": 1}', "\xff" * 2000, "[" * 900])
def test_a_lock_that_says_nothing_of_use(text: str) -> None:
    Path("r").mkdir()
    with hold(Path("r")):
        (Path("r") / LOCK).write_text(text, encoding="latin-1")
        assert holder(Path("r")) == "another process"
        with pytest.raises(InUseError, match="another process"), hold(Path("r")):
            pass


def test_of_many_that_want_it_each_has_it_alone() -> None:
    """Forked processes take, release and look, as fast as they can: never two inside, and no look shuts one out."""
    Path("r").mkdir()
    children = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            done = 0
            end = time.monotonic() + 20
            while done < 40 and time.monotonic() < end:
                holder(Path("r"))
                try:
                    with hold(Path("r")):
                        inside = os.open("inside", os.O_CREAT | os.O_EXCL)
                        os.close(inside)
                        Path("inside").unlink()
                        done += 1
                except InUseError:
                    time.sleep(0.001)
                except FileExistsError:
                    os._exit(2)
            os._exit(0 if done == 40 else 1)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert not names(Path("r"))


def test_a_killed_holder_holds_nothing(here: Path) -> None:
    pid = os.fork()
    if not pid:
        with claimed("a", Path("r"), False):
            (here / "r" / "spec.yaml").touch()
            time.sleep(60)
    while not Path("r/spec.yaml").exists():
        time.sleep(0.005)
    with pytest.raises(NetspecError, match=f"process {pid} trains there"):
        claim("a", Path("r"), resume=True)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert LOCK in names(Path("r")) and holder(Path("r")) == ""
    assert claim("a", Path("r"), resume=True) == Path("r")
    assert LOCK not in names(Path("r"))


@pytest.mark.slow
def test_four_trainings_at_once(here: Path) -> None:
    """Each in a folder of its own, its own spec beside its weights; of four that name one folder, one trains."""
    command = [sys.executable, "-m", "netspec", "train", "--device", "cpu"]

    def at_once(*lines: list[str]) -> list[tuple[int, str, str]]:
        running = [subprocess.Popen([*command, *more], stdout=-1, stderr=-1, text=True) for more in lines]
        return [
            (process.returncode, out, err) for process in running for out, err in [process.communicate(timeout=120)]
        ]

    for number in range(4):
        Path(f"{number}.yaml").write_text((NET % "same").replace("epochs: 2", f"epochs: 2, seed: {number}"))
    found = at_once(*[[f"{number}.yaml"] for number in range(4)])
    assert [code for code, _, _ in found] == [0] * 4, found
    folders = [out.strip().splitlines()[-1] for _, out, _ in found]
    assert sorted(folders) == [f"runs/same-{number}" for number in range(1, 5)]
    for number, folder in enumerate(folders):
        assert f"seed: {number}" in Path(folder, "spec.yaml").read_text()
        info = json.loads(Path(folder, "run.json").read_text())
        assert (info["status"], info["seed"]) == ("finished", number)
        alone = train(netspec.load(Path(f"{number}.yaml")), run=here / f"alone{number}", device="cpu")
        assert (alone.path / "best.safetensors").read_bytes() == Path(folder, "best.safetensors").read_bytes()

    found = at_once(*[["0.yaml", "--run", "one"]] * 4)
    assert sorted(code for code, _, _ in found) == [0, 1, 1, 1], found
    for code, _, err in found:
        assert not code or "one: NS622 is in use: process" in err or "one: NS622 exists already" in err
    assert Path("one/best.safetensors").read_bytes() == Path(folders[0], "best.safetensors").read_bytes()
