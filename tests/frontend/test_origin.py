"""Which file and commit a network came from: whatever git says, and without git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import netspec
from netspec.frontend.origin import Origin, origin_of

NET = "netspec: 1\ninclude: parts/blocks.yaml\ninputs: {x: [4]}\nlayers: {a: pair}\n"
BLOCKS = "netspec: 1\nvars: {n: 3}\nblocks: {pair: {layers: {fc: {type: linear, out_features: $n}}}}\n"


def git(*command: str) -> str:
    names = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *names, *command], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for path, text in (("nets/a.yaml", NET), ("nets/parts/blocks.yaml", BLOCKS), ("other.yaml", NET)):
        Path(path).parent.mkdir(exist_ok=True, parents=True)
        Path(path).write_text(text)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path


def origin(path: str, *sets: str) -> Origin | None:
    return origin_of(netspec.load(path, sets=sets).document)


def test_a_file_as_it_was_committed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git("rev-parse", "HEAD")
    assert origin("nets/a.yaml") == Origin("nets/a.yaml", head)
    assert origin("nets/a.yaml", "n=5") == Origin("nets/a.yaml", head, sets=["n=5"])
    assert origin_of(netspec.load("nets/a.yaml", n=5).document) == Origin("nets/a.yaml", head, sets=["n=5"])
    monkeypatch.chdir(repository / "nets" / "parts")
    assert origin("../a.yaml") == Origin("nets/a.yaml", head)
    assert origin_of(netspec.load(NET, folder=repository / "nets").document) is None


def test_files_that_are_not_as_in_the_commit(repository: Path) -> None:
    head = git("rev-parse", "HEAD")
    Path("nets/parts/blocks.yaml").write_text(BLOCKS + "# more\n")
    assert origin("nets/a.yaml") == Origin("nets/a.yaml", head, ["nets/parts/blocks.yaml"])
    Path("nets/new.yaml").write_text(NET)
    git("add", ".")  # staged is not committed
    assert origin("nets/new.yaml") == Origin("nets/new.yaml", head, ["nets/new.yaml", "nets/parts/blocks.yaml"])
    Path(".gitignore").write_text("nets/old.yaml\n")
    Path("nets/old.yaml").write_text(NET.replace("include: parts/blocks.yaml\n", "").replace("pair", "relu"))
    assert origin("nets/old.yaml") == Origin("nets/old.yaml", head, ["nets/old.yaml"])
    git("checkout", "-q", "HEAD", "--", ".")
    Path("nets/a.yaml").write_bytes(NET.replace("\n", "\r\n").encode())  # as git itself does it on some systems
    assert origin("nets/a.yaml") == Origin("nets/a.yaml", head)


def test_without_git_there_is_the_name(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin("nets/a.yaml", "n=5") != Origin("a.yaml", sets=["n=5"])
    monkeypatch.setenv("PATH", "")
    assert origin("nets/a.yaml", "n=5") == Origin("a.yaml", sets=["n=5"])
    monkeypatch.undo()
    assert origin(str(repository / "nets" / "a.yaml"))


def test_without_a_commit_there_is_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Path("a.yaml").write_text("netspec: 1\ninputs: {x: [4]}\nlayers: {a: relu}\n")
    assert origin("a.yaml") == Origin("a.yaml")
    git("init", "-q")
    assert origin("a.yaml") == Origin("a.yaml")
    Path(".git/HEAD").write_text("broken\n")
    assert origin("a.yaml") == Origin("a.yaml")


def test_a_link_is_the_file_that_it_leads_to(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "link.yaml"
    elsewhere.symlink_to(repository / "nets" / "plain.yaml")
    Path("nets/plain.yaml").write_text("netspec: 1\ninputs: {x: [4]}\nlayers: {a: relu}\n")
    git("add", ".")
    git("commit", "-qm", "second")
    assert origin(str(elsewhere)) == Origin("nets/plain.yaml", git("rev-parse", "HEAD"))
