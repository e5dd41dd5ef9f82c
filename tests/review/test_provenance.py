"""`explain`: what a run and a model say of the file that they came from, and what that file is now."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from typer.testing import CliRunner

from netspec.cli import app

NET = """netspec: 1
name: flowers
include: blocks.yaml
inputs:
  x: [4]
layers:
  pair: {type: pair, n: 8}
  head: {type: linear, out_features: 3}
outputs: {y: head}
data: {source: iris}
train: {loss: cross_entropy, epochs: 1}
"""
BLOCKS = """netspec: 1
blocks:
  pair:
    params: {n: }
    layers:
      fc: {type: linear, out_features: $n}
      act: relu
"""


def git(*command: str) -> str:
    names = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *names, *command], check=True, capture_output=True, text=True).stdout.strip()


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run, and models of the run and of the file."""
    folder = tmp_path_factory.mktemp("made") / "repo"
    (folder / "nets").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("nets/net.yaml").write_text(NET)
        Path("nets/blocks.yaml").write_text(BLOCKS)
        git("init", "-q")
        git("add", ".")
        git("commit", "-qm", "the first network")
        Path("nets/blocks.yaml").write_text("# not committed\n" + BLOCKS)
        train = ("train", "nets/net.yaml", "--set", "layers.pair.n=6", "--run", "r", "-q", "--device", "cpu")
        for command in (
            train,
            ("export", "r", "-o", "r.onnx", "-q"),
            ("export", "nets/net.yaml", "-o", "f.onnx", "-q"),
        ):
            code, _, err = run(*command)
            assert code == 0, err
        git("checkout", "-q", "--", ".")
    return folder


@pytest.fixture
def repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy; the run says where it was trained, which is no more."""
    folder = Path(shutil.copytree(made, tmp_path / "repo"))
    info = json.loads((folder / "r" / "run.json").read_text())
    (folder / "r" / "run.json").write_text(json.dumps({**info, "folder": str(folder / "nets")}))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return folder


def explained(name: str) -> dict[str, Any]:
    code, out, err = run("explain", name, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_run_as_text(repository: Path) -> None:
    code, out, _ = run("explain", "r")
    head = git("rev-parse", "HEAD")
    day = git("show", "-s", "--format=%cs")
    assert code == 0
    assert out.startswith("r: run flowers, 51 parameters, 42 FLOPs\n  begun    ")
    assert ", finished after 1 epoch\n  file     nets/net.yaml\n" in out
    assert f"\n  commit   {head[:12]}  {day}, the first network\n" in out
    assert (
        "\n  changed  not as in that commit: nets/blocks.yaml\n  set      layers.pair.n=6\n  digests  interface 1:"
        in out
    )
    assert out.endswith("\n  on disk  nets/net.yaml: same network\n  at HEAD  HEAD:nets/net.yaml: same network\n")


@pytest.mark.parametrize("name", ["r", "r.onnx", "f.onnx"])
def test_what_the_file_is_now(repository: Path, name: str) -> None:
    found = explained(name)
    assert found["origin"]["commit"] == git("rev-parse", "HEAD") and found["digests"] == found["computed_digests"]
    assert found["origin"]["changed"] == ["nets/blocks.yaml"]
    assert found["origin"]["sets"] == ([] if name == "f.onnx" else ["layers.pair.n=6"])
    assert [now["verdict"] for now in found["now"]] == ["same network", "same network"]
    Path("nets/blocks.yaml").write_text(BLOCKS.replace("relu", "gelu"))
    assert [now["verdict"] for now in explained(name)["now"]] == ["architecture changed", "same network"]
    git("commit", "-qam", "gelu")
    assert [now["verdict"] for now in explained(name)["now"]] == ["architecture changed", "architecture changed"]
    Path("nets/net.yaml").write_text("netspec: 1\n")
    assert explained(name)["now"][0]["verdict"] is None
    Path("nets/net.yaml").unlink()
    now = explained(name)["now"]
    assert now[0]["text"] == "there is no nets/net.yaml here" and now[1]["verdict"] == "architecture changed"


def test_the_difference_is_offered_where_diff_tells_it(repository: Path) -> None:
    Path("nets/net.yaml").write_text(NET.replace("n: 8", "n: 9"))
    out = run("explain", "f.onnx")[1]
    assert "\n  on disk  nets/net.yaml: architecture changed\n           netspec diff f.onnx nets/net.yaml\n" in out
    assert run("diff", "f.onnx", "nets/net.yaml")[0] == 0
    git("commit", "-qam", "wider")
    out = run("explain", "f.onnx")[1]
    assert "netspec diff f.onnx HEAD:nets/net.yaml\n" in out


def test_no_difference_is_offered_that_diff_cannot_tell(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("nets/net.yaml").write_text(NET.replace("n: 8", "n: 9"))
    git("commit", "-qam", "wider")
    (tmp_path / "outside").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path / "outside")
    out = run("explain", str(repository / "f.onnx"))[1]
    assert f"HEAD:nets/net.yaml in {repository}: architecture changed" in out
    assert "netspec diff" in out and f"{repository / 'f.onnx'} HEAD:" not in out


def test_a_model_elsewhere(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its repository there is what it says itself; beside it, and below, its file is found."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy("r.onnx", alone)
    monkeypatch.chdir(alone)
    found = explained("r.onnx")
    assert found["origin"]["file"] == "nets/net.yaml" and found["now"][0]["text"] == "there is no nets/net.yaml here"
    code, out, _ = run("explain", "r.onnx")
    assert code == 0 and "  (no repository here has it)\n" in out
    monkeypatch.setenv("PATH", "")
    assert explained("r.onnx")["now"][0]["text"] == "there is no nets/net.yaml here"
    assert [now["verdict"] for now in explained(str(repository / "r"))["now"]] == ["same network"]


def test_what_an_older_netspec_made(repository: Path) -> None:
    info = json.loads(Path("r/run.json").read_text())
    Path("r/run.json").write_text(json.dumps({k: v for k, v in info.items() if k not in ("origin", "digests")}))
    changed(lambda meta: [m for m in meta if not m.key.startswith(("netspec.digest", "netspec.origin"))])
    for name in ("r", "r.onnx"):
        code, out, _ = run("explain", name)
        assert code == 0 and "\n  file     not recorded: it was made by an older netspec, or from a text" in out
        assert "computed now: none were recorded\n" in out
        assert explained(name)["origin"] is None and explained(name)["digests"] is None


def changed(change: Callable[[list[Any]], list[Any]], path: str = "r.onnx") -> None:
    """A model whose metadata somebody changed."""
    model = onnx.load(path)
    entries = change(list(model.metadata_props))
    del model.metadata_props[:]
    model.metadata_props.extend(entries)
    onnx.save(model, path)


def test_what_was_changed_since_is_told(repository: Path) -> None:
    spec = Path("r/spec.yaml")
    spec.write_text(spec.read_text().replace("n: 6", "n: 7"))
    assert "the spec inside gives others: it was changed since" in run("explain", "r")[1]
    info = json.loads(Path("r/run.json").read_text())
    info["digests"] = {name: digest.replace("1:", "0:") for name, digest in info["digests"].items()}
    Path("r/run.json").write_text(json.dumps(info))
    assert "recorded by another netspec, which digests otherwise (version 0, here 1)" in run("explain", "r")[1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            '{"file": "/etc/passwd", "commit": "", "changed": [], "sets": []}',
            "`file` is '/etc/passwd', expected the path",
        ),
        ('{"file": "../a.yaml", "commit": "", "changed": [], "sets": []}', "`file` is '../a.yaml', expected the path"),
        ('{"file": "a.yaml", "commit": "--output=x", "changed": [], "sets": []}', "`commit` is '--output=x', expected"),
        ('{"file": "a.yaml"}', "has no `commit`"),
        ("[", "cannot be read"),
    ],
)
def test_a_strange_origin_is_refused(repository: Path, value: str, message: str) -> None:
    def change(meta: list[Any]) -> list[Any]:
        next(m for m in meta if m.key == "netspec.origin").value = value
        return meta

    changed(change)
    code, _, err = run("explain", "r.onnx")
    assert code == 1 and "NS101" in err and message in err


def test_what_is_neither_a_run_nor_a_model(repository: Path) -> None:
    Path("text.onnx").write_text("no model")
    Path("empty").mkdir()
    Path("half").mkdir()
    shutil.copy("r/spec.yaml", "half")
    Path("broken").mkdir()
    shutil.copy("r/spec.yaml", "broken")
    Path("broken/run.json").write_text("{")
    for name, message in (
        ("none", "none: NS631 no such run or model"),
        ("none.onnx", "none.onnx: NS631 no such run or model"),
        ("nets/net.yaml", "nets/net.yaml: NS101 is neither a run nor an exported model"),
        ("text.onnx", "text.onnx: NS101 cannot be read as an ONNX model"),
        ("empty", "empty: NS101 a folder, expected a netspec file or a run"),
        ("broken", "broken/run.json: NS622 cannot be read"),
    ):
        code, out, err = run("explain", name)
        assert (code, out) == (1, "") and message in err
    assert run("explain", "half")[0] == 0  # killed before it said where it came from
