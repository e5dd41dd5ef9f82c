"""`netspec diff`: what its arguments name, its formats and its exit status."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

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
WIDE = NET.replace("width: 4", "width: 8")


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["diff", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def git(*args: str) -> str:
    done = subprocess.run(["git", *args], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository: tag `one` has net.yaml, tag `two` a wider one."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    git("config", "user.name", "n")
    git("config", "user.email", "n@example.org")
    for tag, text in (("one", NET), ("two", WIDE)):
        Path("net.yaml").write_text(text)
        git("add", "-A")
        git("commit", "-qm", tag)
        git("tag", tag)
    Path("bad.yaml").write_text(NET.replace("relu: relu", "relu: rellu"))
    return tmp_path


def test_two_sides() -> None:
    code, out, err = run("one:net.yaml", "net.yaml")
    assert (code, err) == (0, "") and "4 -> 8" in out
    shown = json.loads(run("one:net.yaml", "net.yaml", "--format", "json")[1])
    assert shown["format_version"] == 1 and [n["path"] for n in shown["networks"]] == ["net.yaml"]


def test_exit_code_says_that_networks_differ() -> None:
    assert run("one:net.yaml", "two:net.yaml", "--exit-code")[0] == 3
    assert run("two:net.yaml", "net.yaml", "--exit-code")[0] == 0


def test_a_broken_file_ends_with_1() -> None:
    code, _, err = run("net.yaml", "bad.yaml")
    assert code == 1 and "bad.yaml:7:9: NS201 unknown layer kind `rellu`" in err
    assert run("net.yaml", "none.yaml")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "expected two networks, or a revision"),
        (("net.yaml",), "is one side"),
        (("net.yaml", "bad.yaml", "net.yaml"), "one too many"),
        (("net.yaml", "one"), "`net.yaml` is a file and `one` a revision"),
        (("net.yaml", "maim"), "did you mean `main`?"),
        (("mian",), "did you mean `main`?"),
        (("one", "none.yaml"), "is neither a path nor a revision of git"),
        (("one", "two", "one", "--"), "one revision too many"),
        (("none", "--"), "git knows no such revision"),
        (("--", "net.yaml"), "expected two networks, or a revision"),
        ((".",), "`.` is a folder, and no run"),
    ],
)
def test_what_cannot_be_told_is_a_usage_error(arguments: tuple[str, ...], text: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and text in " ".join(err.replace("│", " ").split())


BLOCKS = """netspec: 1
blocks:
  twice: {params: {size: }, layers: {one: {type: linear, out_features: $size}, two: relu}}
"""
READER = """netspec: 1
include: [blocks.yaml]
inputs: {x: [6]}
layers:
  body: {type: twice, size: 4}
outputs: {y: body}
"""


@pytest.fixture
def many() -> None:
    """Tag `three`: two networks that read blocks.yaml; `four`: it is changed, net.yaml renamed, another is new."""
    Path("bad.yaml").unlink()
    Path("nets").mkdir()
    Path("nets/blocks.yaml").write_text(BLOCKS)
    for name in ("a", "b"):
        Path(f"nets/{name}.yaml").write_text(READER)
    commit("three")
    Path("nets/blocks.yaml").write_text(BLOCKS.replace("relu", "gelu"))
    git("mv", "net.yaml", "moved.yaml")
    Path("new.yaml").write_text(NET)
    commit("four")


def commit(tag: str) -> None:
    git("add", "-A")
    git("commit", "-qm", tag)
    git("tag", tag)


def shown(*args: str) -> dict[str, str]:
    """path -> verdict of what is compared."""
    code, out, err = run("--format", "json", *args)
    assert (code, err) == (0, ""), err
    return {network["path"]: network["difference"]["headline"] for network in json.loads(out)["networks"]}


@pytest.mark.usefixtures("many")
def test_revisions_and_paths() -> None:
    read = {"nets/a.yaml": "architecture changed", "nets/b.yaml": "architecture changed"}
    everything = {"moved.yaml": "same network", **read, "new.yaml": "new network"}
    for arguments in (("three", "four"), ("three..four",), ("three...HEAD",), ("three",), ("three..",)):
        assert shown(*arguments) == everything, arguments
    for arguments in (("three", "four", "nets"), ("three..four", "nets"), ("three", "nets"), ("three", "--", "nets")):
        assert shown(*arguments) == read, arguments
    assert shown("three", "four", "--", "nets/blocks.yaml", "new.yaml") == {**read, "new.yaml": "new network"}
    assert shown("two", "three", "nets/a.yaml") == {"nets/a.yaml": "new network"}
    assert shown("four", "three", "--", "new.yaml") == {"new.yaml": "network deleted"}
    assert shown("four") == {}
    Path("nets/a.yaml").write_text(READER.replace("4", "5"))
    assert shown("HEAD") == {"nets/a.yaml": "architecture changed; interface changed"}
    assert len(shown(":nets/a.yaml", "nets/a.yaml")) == 1


@pytest.mark.usefixtures("many")
def test_three_dots_are_what_a_branch_changed() -> None:
    git("checkout", "-q", "-b", "branch", "two")
    Path("mine.yaml").write_text(NET)
    commit("five")
    assert shown("main...branch") == {"mine.yaml": "new network"} != shown("main..branch")


@pytest.mark.usefixtures("many")
def test_of_many_networks_the_verdicts_come_first() -> None:
    assert run("three", "four")[1].splitlines()[:5] == [
        "moved.yaml   same network",
        "nets/a.yaml  architecture changed",
        "nets/b.yaml  architecture changed",
        "new.yaml     new network",
        "",
    ]
    assert run("four") == (0, "no network differs\n", "")


@pytest.mark.usefixtures("many")
def test_a_broken_network_hides_no_other() -> None:
    Path("nets/a.yaml").write_text(READER.replace("twice", "twics"))
    Path("nets/b.yaml").write_text(READER.replace("layers:", "layers:\n  first: {type: linear, out_features: 5}"))
    code, out, err = run("HEAD")
    assert code == 1 and "NS201 unknown layer kind `twics`" in err
    assert out.splitlines()[:2] == ["nets/a.yaml  cannot be read", "nets/b.yaml  architecture changed"]
    assert "+ first: linear {out_features: 5}" in out and run("HEAD", "--fail-on", "function", "--exit-code")[0] == 1
    assert run("HEAD", "nets/b.yaml")[0] == 0


def test_limits_end_with_3_and_are_named() -> None:
    code, out, err = run("one", "two", "--fail-on", "params:+5%,flops:+1k,interface,weights,function")
    assert code == 3 and out
    assert err.splitlines() == [
        "netspec: net.yaml: params:+5%: 43 -> 83 parameters (+93.0%)",
        "netspec: net.yaml: weights: of the tensors of a checkpoint 3 of another shape",
        "netspec: net.yaml: function: the network computes something else",
    ]
    assert run("one", "two", "--fail-on", "params:+100%,depth:+0")[0] == 0
    assert run("two", "one", "--fail-on", "params:+0")[0] == 0
    for wrong, text in (("parms:+5%", "did you mean `params`?"), ("params:5%", "received `params:5%`")):
        code, out, err = run("one", "two", "--fail-on", wrong)
        assert code == 2 and text in err and "--fail-on" in err and "?." not in err


def test_a_file_has_the_format_of_its_ending() -> None:
    for name, beginning in (
        ("x.md", "<!-- netspec diff -->"),
        ("x.json", "{"),
        ("x.txt", "one:net.yaml -> net.yaml: "),
    ):
        code, out, err = run("one:net.yaml", "net.yaml", "-o", name)
        assert (code, err) == (0, "") and out.startswith(f"{name}: ")
        assert Path(name).read_text().startswith(beginning)
    assert run("one:net.yaml", "net.yaml", "-o", "none/x.md")[0] == 1


def test_git_that_cannot_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path / "outside")
    code, _, err = run("HEAD")
    text = "`HEAD` is not a network, and outside of a git repository there are no revisions."
    assert code == 2 and text in " ".join(err.replace("│", " ").split())


def test_a_path_without_a_network_is_no_network_that_stays_the_same() -> None:
    Path("weights.safetensors").write_bytes(b"w")
    Path("empty").mkdir()
    for paths in (("weights.safetensors",), ("empty",), ("--", "nowhere"), ("net.yaml", "--", "nowhere")):
        names = paths if paths[0] != "net.yaml" else ("--", "net.yaml", "nowhere")
        code, out, err = run("one", *names)
        text = f"`{names[-1]}`: git knows of no netspec file there, in one or in the working tree"
        assert (code, out) == (2, "") and text in " ".join(err.replace("│", " ").split()), names
    assert run("one", "two", "--fail-on", "params:+0", "--", "nowhere")[0] == 2
    git("add", "bad.yaml")
    git("rm", "-q", "bad.yaml", "--cached")
    for paths in ((), (".",), ("net.yaml",), ("--", "net.yaml")):
        assert run("two", "two", *paths) == (0, "no network differs\n", ""), paths


def test_a_file_that_is_gone_from_one_state_is_a_path() -> None:
    git("rm", "-q", "net.yaml")
    assert "network deleted" in run("two", "--", "net.yaml")[1]


def test_limits_need_a_network_to_hold() -> None:
    git("checkout", "-q", "--orphan", "other")
    git("rm", "-qrf", ".")
    Path("bad.yaml").unlink()
    Path("a").write_text("")
    git("add", "-A")
    git("commit", "-qm", "nothing")
    code, out, err = run("HEAD")
    assert (code, out) == (0, "no network differs\n")
    assert err == (
        "note: git knows of no netspec file in HEAD or in the working tree: `git add` makes a new file known to git\n"
    )
    assert run("HEAD", "--fail-on", "params:+0")[0] == 2


@pytest.mark.parametrize("first", ["net.yaml", "one:net.yaml"])
def test_a_folder_is_no_side(first: str) -> None:
    Path("nets").mkdir()
    for names in ((first, "nets"), ("nets", first)):
        code, _, err = run(*names)
        assert code == 2 and "`nets` is a folder, and no run: name one netspec file in it." in " ".join(
            err.replace("│", " ").split()
        )
