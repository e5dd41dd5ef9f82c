"""`resolve`: several files, and changes of the command line, as one file that is the same network."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.frontend.document import load_document
from netspec.frontend.fmt.canonical import formatted, resolved_file
from netspec.graph.digest import digests
from netspec.source.text import Source
from netspec.source.tree import Map, parse, read_text
from netspec.spec import Spec
from tests.frontend.messy import Messy
from tests.frontend.test_property import SEEDS

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "architectures").glob("*.yaml")),
    *sorted((ROOT / "tests" / "differential" / "found").glob("*.yaml")),
]


def resolved(path: Path, *sets: str) -> str:
    text = resolved_file(load_document(read_text(path), path, sets=sets))
    assert formatted(Source("net.yaml", text)) == text
    assert not re.search(r"^(extends|include):", text, re.M)
    return text


def assert_same(a: Spec, b: Spec) -> None:
    assert digests(a) == digests(b)
    assert a.name in (b.name, "text")  # one without a name is named after its file
    assert (a.data, a.train, a.budget) == (b.data, b.train, b.budget)
    assert list(a.outputs.items()) == list(b.outputs.items())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_file_is_the_same_network(path: Path) -> None:
    assert_same(netspec.load(resolved(path), folder=path.parent), netspec.load(path))


@pytest.mark.parametrize("text", SEEDS[-2:])
def test_a_file_alone_is_formatted(text: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(text)
    assert resolved(tmp_path / "net.yaml") == formatted(Source("net.yaml", text))


@pytest.mark.parametrize(
    "sets",
    [
        ("width=32",), ("classes=1e1",), ("layers.layer1.repeat=1", "budget.params=1G"), ("name='a: b'",),
        ("layers.fc={type: linear, out_features: $(classes - 1)}",), ("layers.relu=gelu",), ("layers.relu.type=gelu",),
        ("description=on",), ("inputs.image=[3, 64,64]",), ("vars.shortcut=pad", "layers.layer4=null"),
    ],
)  # fmt: skip  # a table
def test_changes_of_the_command_line_are_put_in(sets: tuple[str, ...]) -> None:
    path = ROOT / "architectures" / "resnet34.yaml"
    text = resolved(path, *sets)
    assert_same(netspec.load(text), netspec.load(path, sets=sets))


@pytest.mark.parametrize("seed", range(40))
def test_messy_files_with_comments(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for path in (ROOT / "architectures").glob("resnet*.yaml"):
        tree = parse(read_text(path))
        assert isinstance(tree, Map)
        messy = Messy(rng, comments=0.3, short="extends" not in tree)
        (tmp_path / path.name).write_text(messy.text(tree))
    path = tmp_path / rng.choice(["resnet18.yaml", "resnet50.yaml", "resnet152.yaml"])
    text = resolved(path, "width=32", "layers.fc.bias=false")
    assert_same(netspec.load(text), netspec.load(path, sets=["width=32", "layers.fc.bias=false"]))


def test_comments_stay_beside_what_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "blocks.yaml").write_text(
        "# of the fragments\nnetspec: 1\nblocks:\n  # a block\n  pair:\n    layers:\n      a: relu  # first\n"
    )
    (tmp_path / "parent.yaml").write_text(
        "netspec: 1\nname: parent  # gone\ninputs:\n  x: [4]  # kept\nlayers:\n  # before one\n  one: relu\n"
        "  two: tanh  # replaced\n  # below the layers\n"
    )
    path = tmp_path / "net.yaml"
    path.write_text(
        "# about the file\n\nnetspec: 1\nextends: parent.yaml  # gone too\ninclude: blocks.yaml\n"
        "name: net  # the name\nlayers:\n  two: elu  # other\n  three: pair\n# the end\n"
    )
    assert resolved(path) == (
        "# about the file\n\nnetspec: 1\nname: net  # the name\ninputs:\n  x: [4]  # kept\nblocks:\n  # a block\n"
        "  pair:\n    layers:\n      a: relu  # first\nlayers:\n  # before one\n  one: relu\n  two: elu  # other\n"
        "  three: pair\n# the end\n"
    )


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["resolve", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text("netspec: 1\ninputs: {x: [4]}\nlayers: {a: relu}\nbudget: {depth: 0}\n")
    Path("net.yaml").write_text("netspec: 1\nextends: parent.yaml\nlayers: {b: {type: linear, out_features: 2}}\n")
    one = (
        "netspec: 1\ninputs:\n  x: [4]\nlayers:\n  a: relu\n  b: {type: linear, out_features: 2}\nbudget: {depth: 0}\n"
    )
    assert run("net.yaml") == (0, one, "")
    assert run("net.yaml", "-o", "one.yaml") == (0, "one.yaml: 102 B, put together from 2 files\n", "")
    assert Path("one.yaml").read_text() == one
    assert run("parent.yaml", "-o", "one.yaml")[1].startswith("one.yaml: ")
    Path("notes.txt").write_text("mine")
    Path("link.yaml").symlink_to("nowhere")
    Path("broken.yaml").write_text("netspec: 1\nextends: parent.yaml\nlayers: {b: rellu}\n")
    for args, text in (
        (("net.yaml", "-o", "parent.yaml"), "parent.yaml: NS107 is one of the files that are put together"),
        (("net.yaml", "-o", "net.yaml"), "net.yaml: NS107 is one of the files that are put together"),
        (("net.yaml", "-o", "notes.txt"), "notes.txt: NS107 is there already, and is no YAML file"),
        (("net.yaml", "-o", "link.yaml"), "link.yaml: NS704 cannot be written: it is a link to nowhere"),
        (("net.yaml", "-o", "none/one.yaml"), "none/one.yaml: NS704 cannot be written: its folder does not exist"),
        (("net.yaml", "-o", "."), ".: NS704 cannot be written: it is a folder"),
        (("none.yaml",), "none.yaml: NS101 no such file"),
        ((".",), ".: NS101 a folder"),
        (("broken.yaml",), "broken.yaml:3:13: NS201 unknown layer kind `rellu`"),
        (("net.yaml", "--set", "layers.c=relu"), "NS304 the file has no layer `c`"),
    ):
        code, out, err = run(*args)
        assert code == 1 and out == "" and text in err, err
    assert Path("notes.txt").read_text() == "mine" and "extends" in Path("net.yaml").read_text()


def test_data_that_would_be_somewhere_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(
        "netspec: 1\ninputs: {x: [4]}\nlayers: {a: {type: linear, out_features: 1}}\noutputs: {y: a}\n"
        "data: {source: {type: npz, path: data.npz}}\ntrain: {loss: squared}\n"
    )
    Path("below").mkdir()
    assert run("net.yaml", "-o", "one.yaml")[2] == ""
    note = "`data.source.path: data.npz` counts from the folder of the file: adjust it in below/one.yaml"
    assert note in run("net.yaml", "-o", "below/one.yaml")[2]
