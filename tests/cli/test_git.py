"""netspec inside git, by git itself: `git diff`, `git log -p`, and what `netspec git install` leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.cli.git import caller

COMMON = """netspec: 1
blocks:
  twice:
    params: {size: }
    layers:
      one: {type: linear, out_features: $size}
      two: {type: linear, out_features: $(size * FACTOR)}
"""
NET = """netspec: 1
name: net
include: [common.yaml]
vars: {size: 4}
inputs: {x: [6]}
layers:
  body: {type: twice, size: $size}  # a remark
  head: {type: linear, out_features: 3}
outputs: {y: head}
"""
ALONE = """netspec: 1
name: alone
inputs: {x: [6]}
layers:
  fc: {type: linear, out_features: 3}
outputs: {y: fc}
"""
OTHER = "services:\n  web: {image: nginx}\n"


def command(*arguments: str, folder: Path | None = None, check: bool = True, **environ: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env={**os.environ, **environ})
    assert not check or done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def git(*arguments: str, **more: str) -> str:
    return command("git", *arguments, **more)  # type: ignore[arg-type]


def netspec_git(*arguments: str) -> str:
    return command(sys.executable, "-m", "netspec", "git", *arguments)


def common(factor: int) -> str:
    return COMMON.replace("FACTOR", str(factor))


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the folder `nets`: net.yaml with common.yaml, alone.yaml; compose.yaml, which is not netspec's."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_PAGER_IN_USE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    top = tmp_path / "repository"
    (top / "nets").mkdir(parents=True)
    monkeypatch.chdir(top)
    git("init", "-q", "-b", "main")
    git("config", "user.name", "n")
    git("config", "user.email", "n@example.org")
    write("nets/common.yaml", common(2))
    write("nets/net.yaml", NET)
    write("nets/alone.yaml", ALONE)
    write("nets/compose.yaml", OTHER)
    commit("first")
    return top


def write(path: str, text: str) -> None:
    Path(path).write_text(text)


def commit(message: str) -> None:
    git("add", "-A")
    git("commit", "-qm", message)
    git("tag", message)


def everything(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "index"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_uninstall_leaves_what_was_there_before(repository: Path) -> None:
    before = everything(repository)
    shown = netspec_git("install")
    assert (
        "config: the section diff.netspec" in shown
        and "f()" not in shown
        and ".git/info/attributes: *.yaml diff=netspec" in shown
    )
    installed = everything(repository)
    assert netspec_git("install") == shown and everything(repository) == installed
    assert [path for path in installed if installed[path] != before.get(path)] == [
        ".git/config",
        ".git/info/attributes",
    ]
    assert netspec_git("uninstall").count("removed") == 2
    assert everything(repository) == before
    assert netspec_git("uninstall") == "nothing of netspec was there\n"


def test_lines_of_the_user_stay(repository: Path) -> None:
    attributes = repository / ".git/info/attributes"
    attributes.write_text("*.bin -diff")
    netspec_git("install")
    assert attributes.read_text().startswith("*.bin -diff\n# netspec: ")
    netspec_git("uninstall")
    assert attributes.read_text() == "*.bin -diff\n"


def test_install_for_all_repositories(tmp_path: Path, repository: Path) -> None:
    before = everything(tmp_path)
    netspec_git("install", "--global")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    assert params(git("diff")) == ["21 -> 35"]
    write("nets/alone.yaml", ALONE)
    netspec_git("uninstall", "--global")
    assert everything(tmp_path) == before and list((tmp_path / "home").iterdir()) == []


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([sys.executable, "-m", "netspec", "git", "install"], capture_output=True, text=True)
    assert done.returncode == 1 and "NS101 is in no git repository" in done.stderr


def params(shown: str) -> list[str]:
    """`95 -> 128` of each network."""
    found = re.findall(r"^parameters +([0-9,]+) -> +([0-9,]+) ", shown, re.MULTILINE)
    return [" -> ".join(pair) for pair in found]


def network(shown: str) -> str:
    """What stands before git's own text."""
    return shown.partition("diff --git")[0]


def test_git_diff_shows_the_network_and_is_a_patch_still(repository: Path) -> None:
    write("nets/net.yaml", NET.replace("size: 4", "size: 5").replace("a remark", "another"))
    plain = git("diff")
    netspec_git("install")
    for folder in (repository, repository / "nets"):
        shown = git("diff", folder=folder)  # type: ignore[arg-type]
        assert shown.endswith(plain) and params(shown) == ["95 -> 128"] and "\x1b" not in shown
    write("x.patch", git("diff"))
    git("apply", "-R", "--check", "x.patch")
    assert params(git("diff", "HEAD")) == ["95 -> 128"] and git("diff", "--cached") == ""
    git("add", "-A")
    assert params(git("diff", "--cached")) == ["95 -> 128"] and params(git("diff", "--cached", "-R")) == ["128 -> 95"]


@pytest.mark.slow
def test_what_is_included_is_of_the_same_revision() -> None:
    netspec_git("install")
    write("nets/common.yaml", common(3))
    commit("second")
    write("nets/net.yaml", NET.replace("size: 4", "size: 5"))
    commit("third")
    write("nets/common.yaml", common(7))
    write("nets/net.yaml", NET.replace("size: 4", "size: 6"))
    for arguments, sizes in {
        ("diff", "second", "third"): "127 -> 173",
        ("diff", "first..third"): "95 -> 173",
        ("diff", "second...HEAD"): "127 -> 173",
        ("show", "--ext-diff", "third"): "127 -> 173",
        ("log", "-p", "--ext-diff"): "127 -> 173",
        ("diff",): "173 -> 465",
        ("diff", "first"): "95 -> 465",
        ("diff", "-R", "first"): "465 -> 95",
        ("-C", "nets", "diff", "first", "--", "net.yaml"): "95 -> 465",
        ("diff-tree", "-p", "--ext-diff", "second", "third"): "127 -> 173",  # found by the commit
        ("-c", "alias.d=diff -R", "d", "second", "third"): "173 -> 127",
    }.items():
        assert sizes in params(git(*arguments)), arguments
    git("add", "nets/net.yaml")  # not common.yaml
    assert params(git("diff", "--cached", "--", "nets/net.yaml")) == ["173 -> 225"]
    assert params(git("diff", "HEAD", "--", "nets/net.yaml")) == ["173 -> 465"]


@pytest.mark.slow
def test_networks_that_read_a_changed_file_are_named() -> None:
    netspec_git("install")
    write("nets/broken.yaml", NET.replace("head", "hea d"))
    commit("second")
    write("nets/common.yaml", common(3))
    shown = network(git("diff")).splitlines()
    assert shown[1:] == [
        "  block twice, line 7: two.out_features $(size * 2) -> $(size * 3)",
        "  nets/broken.yaml reads it: cannot be read: a layer cannot be named 'hea d'",
        "  nets/net.yaml reads it: architecture changed, parameters +33.7%, FLOPs +35.0%, activations +26.7%",
    ]
    write("nets/net.yaml", NET + "# it shows itself\n")
    assert "nets/net.yaml reads it" not in git("diff", "nets/common.yaml")
    commit("third")
    assert "nets/net.yaml reads it" not in git("diff", "first", "third")


@pytest.mark.slow
def test_new_deleted_and_renamed_files() -> None:
    netspec_git("install")
    Path("elsewhere").mkdir()
    for name in ("net.yaml", "common.yaml"):
        git("mv", f"nets/{name}", f"elsewhere/{name}")
    write("elsewhere/net.yaml", NET.replace("size: 4", "size: 5"))
    write("nets/a new ü.yaml", ALONE)
    git("rm", "-q", "nets/alone.yaml")
    git("add", "-A")
    commit("second")
    netspec_git("uninstall")
    plain = git("diff", "--no-renames", "first", "second")
    renames = git("diff", "-M20", "first", "second")
    netspec_git("install")
    for text, options in ((plain, "--no-renames"), (renames, "-M20")):
        shown = git("diff", options, "first", "second")
        parts = [f"diff --git{part}" for part in text.split("diff --git")[1:]]
        assert parts and all(part in shown for part in parts), shown
        assert "\x1b" not in shown and "NS" not in shown
    assert params(shown) == ["95 -> 128"]


@pytest.mark.slow
def test_a_broken_file_shows_its_problem_and_the_text() -> None:
    netspec_git("install")
    write("nets/net.yaml", NET.replace("linear", "linaer"))
    shown = git("diff")
    assert "nets/net.yaml:8:16: NS201 unknown layer kind `linaer`" in network(shown)
    assert "+  head: {type: linaer, out_features: 3}" in shown
    write("nets/net.yaml", "netspec: [1\n")
    assert "+netspec: [1" in git("diff")
    write("nets/net.yaml", NET)
    write("nets/common.yaml", common(2) + "layers: 3\n")
    assert "+layers: 3" in git("diff")


def test_a_conflict_is_named() -> None:
    netspec_git("install")
    git("checkout", "-qb", "side")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    commit("side-1")
    git("checkout", "-q", "main")
    write("nets/alone.yaml", ALONE.replace("3", "7"))
    commit("main-1")
    git("merge", "side", check=False)  # type: ignore[arg-type]
    assert "* Unmerged path nets/alone.yaml" in git("diff", "--cached")


def test_git_goes_on_without_netspec(repository: Path) -> None:
    netspec_git("install")
    config = repository / ".git/config"
    config.write_text(config.read_text().replace(sys.executable, "/nowhere/python"))
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    assert "+  fc: {type: linear, out_features: 5}" in git("diff")
    commit("second")
    assert "+  fc: {type: linear, out_features: 5}" in git("log", "-p", "-1")
    assert "+  fc: {type: linear, out_features: 5}" in git("log", "-p", "-1", "--ext-diff")


def test_other_yaml_files_are_as_git_has_them(repository: Path) -> None:
    write("nets/compose.yaml", OTHER.replace("nginx", "caddy"))
    plain = git("diff", "-U0")
    netspec_git("install")
    assert (repository / ".git/info/attributes").read_text().splitlines()[3:-1] == ["/nets/compose.yaml !diff"]
    assert git("diff", "-U0") == plain
    netspec_git("install", "--global")
    netspec_git("uninstall")  # then it is asked of netspec, which says what git would
    assert git("diff", "-U0") == plain


def test_git_log_shows_figures_below_the_text() -> None:
    netspec_git("install")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    commit("second")
    for arguments in (("log", "-p", "-1"), ("show",)):
        shown = git(*arguments)
        assert "-#   parameters  21\n" in shown and "+#   parameters  35\n" in shown
        assert " #   input       x (B, 6)\n" in shown and "+#   output      y (B, 5)\n" in shown
    write("nets/alone.yaml", ALONE.replace("3", "5").replace("fc", "head"))
    commit("third")
    figures = [line for line in git("log", "-p", "-1").splitlines() if "#" in line]
    assert [line.split()[1] for line in figures if line[0] == "+"] == ["names"]
    write("nets/net.yaml", NET.replace("size: 4", "size: 5"))
    commit("fourth")
    assert "#  " not in git("log", "-p", "-1")


@pytest.mark.slow
def test_figures_are_kept_by_git_until_they_are_made_anew(repository: Path) -> None:
    netspec_git("install")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    commit("second")
    shown = git("log", "-p")
    assert "+#   parameters  35\n" in shown
    config = repository / ".git/config"
    installed = config.read_text()
    config.write_text(installed.replace("show-file", "show-none"))  # another command: nothing is kept of the first
    assert "#   parameters" not in git("log", "-p")
    config.write_text(installed)
    assert git("log", "-p") == shown and "textconv" in git("for-each-ref")
    netspec_git("install")
    assert "textconv" not in git("for-each-ref")
    assert git("log", "-p") == shown
    netspec_git("uninstall")
    assert "textconv" not in git("for-each-ref") and "#   parameters" not in git("log", "-p")


def test_for_all_repositories_there_are_no_figures() -> None:
    assert "netspec.textconv" not in netspec_git("install", "--global")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    commit("second")
    assert "#   parameters" not in git("log", "-p") and "35" in git("show", "--ext-diff")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("diff --cached x", "diff --cached x"),
        ("-C a -c b=c --no-pager --git-dir x diff -R", "diff -R"),
        ("--git-dir=x -p show HEAD", "show HEAD"),
        ("--version", ""),
    ],
)
def test_the_command_of_git_behind_its_own_options(line: str, command: str) -> None:
    assert caller._without_global_options(line.split()) == tuple(command.split())


def test_both_ways_to_ask_for_a_process_say_the_same() -> None:
    arguments = [sys.executable, "-c", "print(1,flush=True);input()"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()  # it runs
        assert caller._process(process.pid) == caller._by_ps(process.pid) == (os.getpid(), arguments)
        process.communicate(b"\n")


@pytest.mark.slow
def test_colour_as_git_has_it() -> None:
    netspec_git("install")
    write("nets/alone.yaml", ALONE.replace("3", "5"))
    assert "\x1b" not in git("diff") and "\x1b" in network(git("diff", "--color"))
    assert "\x1b" in network(git("-c", "color.ui=always", "diff"))
    assert "\x1b" not in git("-c", "color.ui=always", "diff", "--no-color")
    assert "\x1b" not in network(git("-c", "color.ui=always", "diff", NO_COLOR="1"))
