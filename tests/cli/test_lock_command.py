"""`netspec lock` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

BLOCKS = "netspec: 1\nblocks:\n  pair:\n    layers:\n      fc: {type: linear, out_features: 8}\n      act: relu\n"
NET = """netspec: 1
include: blocks.yaml
inputs:
  x: [4]
layers:
  pairs: {type: pair, repeat: 2}
  head: {type: linear, out_features: 3}
"""


CELL = """netspec: 1
inputs: {x: [T, 4]}
cells:
  mine:
    state: {h: hidden}
    output: h
    weights: {W: [hidden, input]}
    equations: ["h[t] = tanh(W @ x[t] + h[t-1])"]
layers: {rnn: {type: recurrent, cell: mine, hidden: 3}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("blocks.yaml").write_text(BLOCKS)
    Path("net.yaml").write_text(NET)
    return tmp_path


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["lock", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_lock_is_written_once() -> None:
    assert run("net.yaml") == (0, "net.lock: written\n1 network, 1 changed\n", "")
    before = Path("net.lock").stat().st_mtime_ns
    assert run("net.yaml") == (0, "1 network, 0 changed\n", "")
    assert Path("net.lock").stat().st_mtime_ns == before
    assert run("net.yaml", "--check") == (0, "1 network, 0 no more as locked\n", "")
    assert run("net.yaml", "--check", "-q") == (0, "", "")
    Path("net.yaml").write_text("# another text\n" + NET)
    assert run("net.yaml", "--check")[0] == 0


def test_what_differs_is_told_as_diff_tells_it() -> None:
    run("net.yaml")
    Path("blocks.yaml").write_text(BLOCKS.replace("act: relu", "act: gelu"))
    code, out, err = run("--check", "net.yaml")
    assert (code, err) == (3, "")
    assert out.startswith("net.lock -> net.yaml: architecture changed\n~ pairs.*.act (2 layers): relu -> gelu\n")
    assert "help: if this is meant, `netspec lock net.yaml` writes it anew\n1 network, 1 no more as locked\n" in out
    run("net.yaml")
    assert run("--check", "net.yaml")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("x: [4]", "y: [4]", "name of input"),
        ("repeat: 2", "repeat: 3", "+ pairs.2: block pair"),
        ("head: {type: linear", "tail: {type: linear", "→ head -> tail"),
        ("out_features: 3}", "out_features: 3, freeze: true}", "~ head (linear): freeze"),
        ("out_features: 3}", "out_features: 3}\nbudget: {params: 1k}", ""),
        ("out_features: 3}", "out_features: 3}\ndata: {source: iris}\ntrain: {loss: cross_entropy}", ""),
    ],
)
def test_what_is_held(old: str, new: str, text: str) -> None:
    run("net.yaml")
    Path("net.yaml").write_text(NET.replace(old, new))
    code, out, _ = run("--check", "net.yaml")
    assert code == (3 if text else 0) and text in out


def test_equations_are_held() -> None:
    Path("net.yaml").write_text(CELL)
    run("net.yaml")
    Path("net.yaml").write_text(CELL.replace("tanh", "relu"))
    code, out, _ = run("--check", "net.yaml")
    assert code == 3 and "tanh" in out and "relu" in out


def test_a_lock_that_is_missing_is_named() -> None:
    assert run("--check", "net.yaml") == (
        3,
        "net.yaml: net.lock is missing: `netspec lock net.yaml` writes it\n"
        "1 network, 0 no more as locked, 1 without a lock\n",
        "",
    )


def test_a_folder_has_its_networks_and_no_fragments() -> None:
    assert run(".") == (0, "net.lock: written\n1 network, 1 changed\n", "")
    assert run("--check", ".")[0] == 0
    code, _, err = run("blocks.yaml")
    assert code == 1 and "blocks.yaml: NS108 has nothing to lock" in err


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("parameters: 139", "parameters: 140", "9:22: NS108 `totals.parameters` is 140, the layers give 139"),
        ("flops: 64}", "flops: 65}", "NS108 `layers.pairs.1.fc.flops` is 65, the layers give 64"),
        (", flops: 64}", "}", "NS108 `layers.pairs.1.fc.flops` is missing, the layers give 64"),
        ("relu, output: [8]}", "relu, output: [8], flops: 1}", "act.flops` is 1, the layers give none"),
        ("shape: [3]", "shape: [4]", "NS108 `outputs.head.shape` is [4], the layers give [3]"),
        ("layers:\n", "layers:\n  # reviewed\n", "NS108 is not as `netspec lock` writes this line"),
    ],
)
def test_a_lock_that_was_changed_by_hand_is_refused(old: str, new: str, problem: str) -> None:
    run("net.yaml")
    text = Path("net.lock").read_text()
    assert old in text
    Path("net.lock").write_text(text.replace(old, new, 1))
    code, out, err = run("--check", "net.yaml")
    assert (code, out) == (1, "0 networks, 0 no more as locked, 1 not read\n")
    assert problem in err and "changed by hand or by a merge" in err and "help: `netspec lock` writes it anew" in err
    run("net.yaml")
    assert Path("net.lock").read_text() == text and run("--check", "net.yaml")[0] == 0


def test_a_comment_at_the_end_of_a_lock_is_a_change_by_hand() -> None:
    run("net.yaml")
    Path("net.lock").write_text(Path("net.lock").read_text() + "# hi\n")
    code, _, err = run("--check", "net.yaml")
    assert code == 1 and "# hi" in err and "same network" not in err


def test_a_lock_in_another_order_is_told_by_its_line_and_not_as_the_same_network() -> None:
    """Of branches that read the same the order says nothing."""
    left, right = "  left: {type: relu, from: pairs}\n", "  right: {type: tanh, from: pairs}\n"
    end = "  sum: {type: add, from: [left, right]}\n"
    Path("net.yaml").write_text(NET + left + right + end)
    run("net.yaml")
    Path("net.yaml").write_text(NET + right + left + end)
    code, out, err = run("--check", "net.yaml")
    assert (code, err) == (3, "") and "same network" not in out
    assert "computes what net.yaml does, and is written otherwise\n-   left: {" in out and "\n+   right: {" in out
    assert "help: `netspec lock net.yaml` writes it anew\n1 network, 1 no more as locked\n" in out


def test_what_cannot_be_locked_is_told_and_the_others_are(folder: Path) -> None:
    for name, text in (
        ("broken.yaml", NET.replace("pair,", "pear,")),
        ("over.yaml", NET + "budget: {params: 10}\n"),
        ("linked.yaml", NET),
        ("hand.yaml", NET),
    ):
        Path(name).write_text(text)
    Path("linked.lock").symlink_to("nowhere")
    code, out, err = run("none.yaml", "broken.yaml", "over.yaml", "linked.yaml", "net.yaml", "hand.yaml")
    assert code == 1 and out == (
        "net.lock: written\nhand.lock: written\n2 networks, 2 changed, 4 not read or written\n"
    )
    for text in (
        "none.yaml: NS101 no such file",
        "broken.yaml:6:17: NS201 unknown layer kind `pear`",
        "over.yaml:8:18: NS404 over budget",
        "linked.lock: NS107 cannot be written: it is a link to nowhere",
    ):
        assert text in err
    Path("hand.lock").write_text(Path("hand.lock").read_text().replace("out_features: 3", "out_features: 4"))
    Path("net.lock").write_bytes(b"\xff")
    Path("broken.yaml").unlink()
    code, out, err = run("--check", "hand.yaml", "net.yaml", "linked.yaml")
    assert code == 1 and "hand.lock: NS108 is not the network of its digests" in err
    assert "net.lock: NS108 cannot be read" in err and "linked.lock: NS108 cannot be read" in err


def test_a_network_that_is_gone_is_no_more_as_locked() -> None:
    assert run("net.yaml")[0] == 0
    Path("poetry.lock").write_text('[[package]]\nname = "x"\n')
    Path("net.yaml").write_text("netspec: 1\nvars: {width: 3}\n")
    text = "net.yaml: is no network any more, as net.lock has it\n1 network, 1 no more as locked\n"
    assert run("--check", ".") == (3, text, "")
    Path("net.yaml").unlink()
    text = "net.lock: the network that it is of is not there any more\n1 network, 1 no more as locked\n"
    assert run("--check", ".") == (3, text, "")
