"""`netspec fmt` as a user types it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

UGLY = "netspec:  1\nlayers: {a: {type: relu}} # one\ninputs: {x: [3]}\n"
CLEAN = "netspec: 1\ninputs:\n  x: [3]\nlayers:  # one\n  a: relu\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ugly.yaml").write_text(UGLY)
    Path("clean.yaml").write_text(CLEAN)
    return tmp_path


def run(*args: str, text: str | bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["fmt", *args], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_files_are_replaced_and_keep_their_permissions() -> None:
    Path("ugly.yaml").chmod(0o640)
    before = Path("clean.yaml").stat().st_mtime_ns
    assert run("ugly.yaml", "clean.yaml") == (0, "ugly.yaml: formatted\n2 files, 1 changed\n", "")
    assert Path("ugly.yaml").read_text() == CLEAN and Path("clean.yaml").stat().st_mtime_ns == before
    assert stat.S_IMODE(Path("ugly.yaml").stat().st_mode) == 0o640
    assert run("ugly.yaml", "-q") == (0, "", "")


def test_check_writes_nothing() -> None:
    assert run("--check", "ugly.yaml", "clean.yaml") == (3, "ugly.yaml: would change\n2 files, 1 would change\n", "")
    assert Path("ugly.yaml").read_text() == UGLY
    assert run("--check", "clean.yaml") == (0, "1 file, 0 would change\n", "")


def test_the_difference_is_one_that_git_applies(folder: Path) -> None:
    code, out, _ = run("--diff", "-q", "ugly.yaml", "clean.yaml")
    assert code == 3 and Path("ugly.yaml").read_text() == UGLY
    subprocess.run(["git", "apply", "-"], input=out, text=True, check=True, cwd=folder)
    assert Path("ugly.yaml").read_text() == CLEAN
    Path("ugly.yaml").write_text(UGLY.rstrip("\n"))
    _, out, _ = run("--diff", "-q", "ugly.yaml")
    assert "\\ No newline at end of file" in out
    subprocess.run(["git", "apply", "-"], input=out, text=True, check=True, cwd=folder)
    assert Path("ugly.yaml").read_text() == CLEAN


def test_the_difference_has_colours_where_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = CliRunner().invoke(app, ["fmt", "--diff", "ugly.yaml"], color=True)
    assert "\x1b[31m-netspec:  1\x1b[0m" in result.stdout and "\x1b[32m+netspec: 1\x1b[0m" in result.stdout


def test_standard_input() -> None:
    assert run("-", text=UGLY) == (0, CLEAN, "")
    assert run("-", text=CLEAN) == (0, CLEAN, "")
    assert run("-", "--check", text=UGLY)[0] == 3 and run("-", "--check", text=CLEAN)[0] == 0
    assert "+netspec: 1" in run("-", "--diff", text=UGLY)[1]
    code, out, err = run("-", text="netspec: 1\nlayers: {a: }}\n")
    assert (code, out) == (1, "") and "<stdin>:2:14: NS102 not YAML" in err
    assert "<stdin>: NS101 not UTF-8 text" in run("-", text=b"netspec: \xff")[2]


def test_a_folder_is_searched(folder: Path) -> None:
    for path in ("below/a.yml", ".hidden/a.yaml", "run/spec.yaml", "below/other.yaml", "below/text.txt"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text("jobs: {a:  1}\n" if "other" in path else UGLY)
    Path("run/run.json").write_text("{}")
    Path("below/link.yaml").symlink_to(folder / "clean.yaml")
    Path("below/broken.yaml").write_text("netspec: 1\nlayers: [\n")
    code, out, err = run(".")
    assert code == 1 and "below/broken.yaml:2:10: NS102" in err
    assert out == "ugly.yaml: formatted\nbelow/a.yml: formatted\n4 files, 2 changed, 1 not read or written\n"
    assert Path("run/spec.yaml").read_text() == UGLY and Path(".hidden/a.yaml").read_text() == UGLY


def test_what_cannot_be_formatted_is_told_and_the_others_are(folder: Path) -> None:
    Path("broken.yaml").write_text("netspec: 1\nlayers: {a: &x relu}\n")
    Path("other.yaml").write_text("jobs: 1\n")
    Path("binary.yaml").write_bytes(b"\0\1")
    Path("big.yaml").write_text("#" * (1 << 20) + "\n")
    Path("link.yaml").symlink_to(folder / "ugly.yaml")
    Path("run").mkdir()
    Path("run/run.json").write_text("{}")
    Path("run/spec.yaml").write_text(UGLY)
    os.mkfifo("pipe")
    names = ["none.yaml", "broken.yaml", "other.yaml", "binary.yaml", "big.yaml", "link.yaml", "run/spec.yaml", "pipe"]
    code, out, err = run(*names, "ugly.yaml")
    assert code == 1 and out == "ugly.yaml: formatted\n9 files, 1 changed, 8 not read or written\n"
    for text in (
        "none.yaml: NS101 no such file",
        "broken.yaml:2:13: NS103 the anchor `&x` is not part of the language",
        "other.yaml:1:1: NS201 a netspec file has no key `jobs`",
        "NS204 `netspec`, the language version, is missing",
        "binary.yaml: NS101 not text: it holds a zero byte",
        "big.yaml: NS101 larger than 1 MiB",
        "link.yaml: NS107 cannot be written: it is a link to",
        "run/spec.yaml: NS107 is the spec of a run, and stays as it is",
        "pipe: NS101 a pipe",
    ):
        assert text in err
    assert Path("link.yaml").is_symlink()


def test_a_full_disk_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, _, err = run("ugly.yaml")
    assert code == 1 and "ugly.yaml: NS107 cannot be written: No space left on device" in err
    assert Path("ugly.yaml").read_text() == UGLY and sorted(p.name for p in Path().iterdir()) == [
        "clean.yaml",
        "ugly.yaml",
    ]
