"""One side of a comparison: files, revisions, the index, runs, models, and what is not there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import netspec
from netspec import NetspecError
from netspec.backends.export import export_onnx
from netspec.review.sides.side import path_of, read_side, read_sides, split_revision
from tests.review.texts import BASE, WIDE, Git


def width(name: str) -> object:
    """Of the first layer of the stage, which the other file has."""
    spec = read_side(name).spec
    assert spec is not None
    return spec["stage.0.fc"].type.shape[-1]


def error_of(name: str) -> str:
    with pytest.raises(NetspecError) as caught:
        read_side(name)
    return str(caught.value)


def test_a_file_and_what_it_extends(git: Git) -> None:
    side = read_side("nets/wide.yaml")
    assert side.spec is not None and side.spec.name == "wide" and side.main == "wide.yaml"
    assert {name: source.name for name, source in side.files.items()} == {
        "wide.yaml": "nets/wide.yaml", "base.yaml": "nets/base.yaml",
    }  # fmt: skip
    assert side.document is not None and side.document.root.get("layers") is not None


@pytest.mark.parametrize(
    "revision",
    ["HEAD~1", "HEAD^", "HEAD@{0}~1", "second~1", "trunk~1^{commit}", "HEAD^{/one}"],
)
def test_what_a_revision_extends_is_of_the_revision(git: Git, revision: str) -> None:
    git("branch", "-M", "trunk")
    name = f"{revision}:nets/wide.yaml"
    assert width(name) == 8
    assert width("HEAD:nets/wide.yaml") == width("nets/wide.yaml") == 16
    side = read_side(name)
    assert side.spec is not None and side.spec.name == "wide"
    assert [source.name for source in side.files.values()] == [name, f"{revision}:nets/base.yaml"]


def test_a_network_without_a_name_is_called_as_its_file(git: Git) -> None:
    for name in ("nets/base.yaml", "HEAD:nets/base.yaml", ":nets/base.yaml"):
        spec = read_side(name).spec
        assert spec is not None and spec.name == "base"


def test_the_index_is_a_side(git: Git) -> None:
    Path("nets/base.yaml").write_text(BASE.replace("out_features: 8", "out_features: 32"))
    assert width(":nets/wide.yaml") == 16
    git("add", ".")
    Path("nets/base.yaml").write_text(BASE.replace("out_features: 8", "out_features: 64"))
    assert [width(n) for n in (":nets/wide.yaml", ":0:nets/wide.yaml", "nets/wide.yaml")] == [32, 32, 64]
    assert read_side(":nets/none.yaml").absent


def test_the_sides_of_a_merge_with_conflicts_are_stages_of_the_index(git: Git) -> None:
    git("checkout", "-qb", "other", "HEAD~1")
    Path("nets/base.yaml").write_text(BASE.replace("out_features: 8", "out_features: 24"))
    git("commit", "-qam", "other")
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "second")
    assert [width(f":{stage}:nets/wide.yaml") for stage in (1, 2, 3)] == [8, 24, 16]


def test_paths_count_from_here_or_from_the_top(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("top.yaml").write_text(BASE)
    git("add", ".")
    git("commit", "-qm", "three")
    monkeypatch.chdir("nets")
    here = str(Path.cwd() / "base.yaml")
    for path in ("base.yaml", "./base.yaml", "nets/base.yaml", "../nets/base.yaml", here):
        assert width(f"HEAD:{path}") == 16
        assert width(f":{path}") == 16
    assert width("HEAD:top.yaml") == width("HEAD:../top.yaml") == 8
    assert read_side("HEAD:./top.yaml").absent
    assert "is outside of the repository" in error_of("HEAD:../../net.yaml")


def test_a_file_whose_name_has_a_colon_is_a_file(git: Git) -> None:
    Path("HEAD:odd.yaml").write_text(BASE)
    assert width("HEAD:odd.yaml") == 8


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("HEAD:a.yaml", ("HEAD", "a.yaml")),
        (":a.yaml", ("", "a.yaml")),
        ("HEAD@{2020-01-01 12:30}:a:b.yaml", ("HEAD@{2020-01-01 12:30}", "a:b.yaml")),
        ("HEAD^{/fix: it}:a.yaml", ("HEAD^{/fix: it}", "a.yaml")),
        ("a.yaml", None),
        ("a{b:c", None),
    ],
)
def test_a_name_splits_where_the_path_begins(name: str, split: tuple[str, str] | None) -> None:
    assert split_revision(name) == split


# what is not there


@pytest.mark.parametrize("name", ["HEAD~1:nets/new.yaml", "nets/new.yaml", ":nets/new.yaml", "/dev/null"])
def test_a_file_that_is_not_there_is_a_side_without_a_network(git: Git, name: str) -> None:
    side = read_side(name)
    assert side.spec is None and side.document is None and not side.files
    assert side.absent and side.absent.name == name


def test_new_and_deleted_files(git: Git) -> None:
    Path("new.yaml").write_text(BASE)
    Path("nets/wide.yaml").unlink()
    before, after = read_sides("HEAD:new.yaml", "new.yaml")
    assert before.spec is None and after.spec is not None
    before, after = read_sides("HEAD:nets/wide.yaml", "./nets/wide.yaml")
    assert before.spec is not None and after.spec is None
    before, after = read_sides("/dev/null", "new.yaml")
    assert before.spec is None and after.spec is not None


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("HEAD:nets/bsae.yaml", "nets/base.yaml", r"^HEAD:nets/bsae\.yaml: NS101 no such file\n  help: did you mean"),
        ("nets/base.yaml", "nets/bsae.yaml", r"^nets/bsae\.yaml: NS101 no such file\n  help: did you mean `nets/base"),
        ("HEAD:none.yaml", "none.yaml", r"^HEAD:none\.yaml: NS101 no such file"),
        ("/dev/null", "none.yaml", r"^none\.yaml: NS101 no such file"),
        ("none.yaml", "/dev/null", r"^none\.yaml: NS101 no such file"),
    ],
)
def test_a_typing_error_is_no_new_file(git: Git, before: str, after: str, message: str) -> None:
    with pytest.raises(NetspecError, match=message):
        read_sides(before, after)


def test_a_path_is_the_same_however_it_is_spelled() -> None:
    assert path_of("HEAD:./nets/../a.yaml") == path_of("a.yaml") == path_of(":a.yaml") == "a.yaml"


def test_a_fragment_is_a_side_with_a_document(git: Git) -> None:
    Path("blocks.yaml").write_text("netspec: 1\nblocks:\n  b: {layers: {r: relu}}\n")
    Path("net.yaml").write_text("netspec: 1\ninclude: blocks.yaml\ninputs: {x: [4]}\nlayers: {b: b}\n")
    side = read_side("blocks.yaml")
    assert side.spec is None and side.absent is None
    assert side.document is not None and side.document.section("blocks") is not None
    assert read_side("net.yaml").spec is not None


@pytest.mark.parametrize(
    "text", ["netspec: 1\nblocks: 3\n", "netspec: 1\nlayer: {r: relu}\n", "netspec: 1\nsearch: {}\n"]
)
def test_a_broken_fragment_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert "a.yaml:2:1" in error_of(str(tmp_path / "a.yaml")).replace("2:9", "2:1")


# what is wrong with one


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:nets/base.yaml", "nowhere:nets/base.yaml: NS101 git knows no revision `nowhere`"),
        ("--help:nets/base.yaml", "--help:nets/base.yaml: NS101 cannot be read from git: a revision does not begin"),
        ("HEAD\nHEAD:nets/base.yaml", "NS101 cannot be read from git: a revision is one line of text"),
        ("HEAD:nets", "HEAD:nets: NS101 a folder, expected a netspec file"),
        ("HEAD:", "HEAD:.: NS101 a folder, expected a netspec file"),
        ("nets", "nets: NS101 a folder, expected a netspec file or a run"),
        ("HEAD:data.bin", "HEAD:data.bin: NS101 not text: it holds a zero byte"),
        ("HEAD:latin.yaml", "HEAD:latin.yaml: NS101 not UTF-8 text (byte 14, line 2)"),
        ("HEAD:large.yaml", "HEAD:large.yaml: NS101 larger than 1 MiB"),
        ("HEAD:empty.yaml", "HEAD:empty.yaml: NS105 the file is empty"),
        ("HEAD:sub", "HEAD:sub: NS101 a submodule, expected a netspec file"),
        ("HEAD:out.yaml", "HEAD:out.yaml: NS101 cannot be read: it is a link out of the repository, to /etc/passwd"),
        ("HEAD:up.yaml", "HEAD:up.yaml: NS101 cannot be read: it leads out of the repository"),
        ("HEAD:circle.yaml", "HEAD:circle.yaml: NS101 cannot be read: its links lead in a circle"),
        ("HEAD:nowhere.yaml", "HEAD:nowhere.yaml: NS101 no such file"),
        ("HEAD:names.yaml", "HEAD:names.yaml:2:10: NS306 `extends: bsae.yaml`: no such file"),
        ("HEAD:above.yaml", "HEAD:above.yaml:2:10: NS306 `extends: ../x.yaml` cannot be followed: it leads out of"),
        ("HEAD:linked.yaml", "HEAD:linked.yaml:2:10: NS306 `extends: out.yaml` cannot be followed"),
    ],
)
def test_what_cannot_be_read(git: Git, name: str, message: str) -> None:
    Path("data.bin").write_bytes(b"\0\1")
    Path("latin.yaml").write_bytes(b"netspec: 1\na: \xe4\n")
    Path("large.yaml").write_text("netspec: 1\n" + "# " + "x" * (1 << 20))
    Path("empty.yaml").write_text("")
    Path("base.yaml").write_text(BASE)
    Path("names.yaml").write_text("netspec: 1\nextends: bsae.yaml\n")
    Path("above.yaml").write_text("netspec: 1\nextends: ../x.yaml\n")
    Path("linked.yaml").write_text("netspec: 1\nextends: out.yaml\n")
    links = {"out": "/etc/passwd", "up": "../x.yaml", "circle": "circle.yaml", "nowhere": "none.yaml"}
    for link, target in links.items():
        Path(f"{link}.yaml").symlink_to(target)
    git("add", ".")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD').strip()},sub")
    git("commit", "-qm", "odd")
    assert message in error_of(name)


def test_links_in_a_revision_are_followed(git: Git) -> None:
    Path("link.yaml").symlink_to("nets/wide.yaml")
    Path("folder").symlink_to("nets")
    Path("nets/inner.yaml").symlink_to("../nets/./base.yaml")
    Path("through.yaml").write_text("netspec: 1\nextends: nets/inner.yaml\n")
    git("add", ".")
    git("commit", "-qm", "links")
    for name in ("HEAD:folder/wide.yaml", ":folder/wide.yaml", "HEAD:through.yaml", ":through.yaml"):
        assert width(name) == 16
    assert width("HEAD:nets/inner.yaml") == 16


def test_without_a_repository_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "HEAD:a.yaml: NS101 cannot be read from git: not a git repository" in error_of("HEAD:a.yaml")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "HEAD:a.yaml: NS101 cannot be read: git is not installed" in error_of("HEAD:a.yaml")


def test_a_bare_repository_has_sides(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("clone", "-q", "--bare", ".", "bare.git")
    monkeypatch.chdir("bare.git")
    assert width("HEAD~1:nets/wide.yaml") == 8


def test_nothing_of_a_repository_is_changed(git: Git) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in Path().rglob("*") if p.is_file()}

    before = state()
    for name in ("HEAD~1:nets/wide.yaml", ":nets/wide.yaml", "nets/wide.yaml"):
        read_side(name)
    assert state() == before


def test_a_broken_file_says_which_side_it_is_on(git: Git) -> None:
    Path("nets/base.yaml").write_text(BASE.replace("linear, out_features: 5", "liner, out_features: 5"))
    git("commit", "-qam", "three")
    message = error_of("HEAD:nets/wide.yaml")
    assert message.startswith("HEAD:nets/base.yaml:8:15: NS201 unknown layer kind `liner`")
    assert "did you mean `linear`?" in message
    Path("nets/base.yaml").write_text("inputs: {x: [4]}\nlayers: {r: relu}\n")
    assert error_of("nets/wide.yaml").startswith("nets/base.yaml:1:1: NS204 `netspec`")


def test_line_ends_of_windows_are_the_same_text(git: Git) -> None:
    Path("nets/wide.yaml").write_bytes(WIDE.replace("\n", "\r\n").encode())
    git("commit", "-qam", "three")
    assert width("HEAD:nets/wide.yaml") == 16
    source = read_side("HEAD:nets/wide.yaml").files["wide.yaml"]
    assert source.lines == read_side("HEAD~1:nets/wide.yaml").files["wide.yaml"].lines


# learning, budget


LEARNING = """netspec: 1
vars: {lr: 1e-3}
inputs: {image: [1, 8, 8]}
layers: {flat: flatten, fc: {type: linear, out_features: 10}}
outputs: {digit: fc}
data: {source: digits}
train: {loss: cross_entropy, optimizer: {type: adam, lr: $lr}, epochs: 3}
"""


def learning(tmp_path: Path, *edits: tuple[str, str]) -> netspec.review.sides.side.Side:  # type: ignore[name-defined]
    text = LEARNING
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "net.yaml").write_text(text)
    return read_side(str(tmp_path / "net.yaml"))


def test_data_and_train_are_read(tmp_path: Path) -> None:
    spec = learning(tmp_path).spec
    assert spec is not None and spec.data is not None and spec.train is not None
    assert spec.train.optimizer.lr == 1e-3


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("epochs: 3", "epochs: 0", "NS203 `epochs` of train"),
        ("source: digits", "source: digit", "NS201 unknown data source"),
        ("data: {source: digits}", "data: 3", "NS203 `data` expects a mapping"),
        ("lr: $lr", "lr: $rate", "rate"),
        ("digit: fc", "digits: fc, other: flat", "NS611"),
    ],
)
def test_what_is_wrong_with_learning_hides_no_network(tmp_path: Path, old: str, new: str, note: str) -> None:
    side = learning(tmp_path, (old, new))
    assert side.spec is not None and "fc" in side.spec
    [problem] = side.notes
    assert note in problem.render() and problem.span


def test_a_network_over_its_budget_passes(tmp_path: Path) -> None:
    side = learning(tmp_path, ("netspec: 1\n", "netspec: 1\nbudget: {params: 10}\n"))
    assert side.spec is not None and side.spec.budget.params == 10


# runs and models


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "blocks.yaml").write_text("netspec: 1\nblocks: {pair: {layers: {r: relu}}}\n")
    text = LEARNING.replace("netspec: 1\n", "netspec: 1\ninclude: blocks.yaml\n").replace(
        "flat: flatten", "flat: flatten, p: pair"
    )
    path = tmp_path / "net.yaml"
    path.write_text(text)
    yield path


def test_an_exported_model_carries_its_spec(network: Path, tmp_path: Path) -> None:
    spec = netspec.load(network)
    model = tmp_path / "model.onnx"
    export_onnx(spec, netspec.to_torch(spec), model)
    side = read_side(str(model))
    assert side.spec is not None and side.spec.name == "net"
    assert [n.name for n in side.spec.nodes()] == [n.name for n in spec.nodes()]
    assert side.spec.train == spec.train
    assert list(side.files) == ["model.onnx"]


def test_models_that_carry_none(tmp_path: Path) -> None:
    import onnx

    (tmp_path / "a.onnx").write_bytes(onnx.ModelProto().SerializeToString())
    assert "a.onnx: NS101 carries no netspec spec" in error_of(str(tmp_path / "a.onnx"))
    (tmp_path / "b.onnx").write_text("netspec: 1\n")
    assert "b.onnx: NS101 cannot be read as an ONNX model" in error_of(str(tmp_path / "b.onnx"))
    assert read_side(str(tmp_path / "none.onnx")).absent


def test_a_run_is_a_side_under_its_name(network: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    netspec.train(netspec.load(network, sets=["train.epochs=1"]), run=run, device="cpu")
    side = read_side(str(run))
    assert side.spec is not None and side.spec.name == "net" and side.spec.folder == tmp_path
    assert side.spec.train is not None and side.spec.train.epochs == 1
    (run / "run.json").write_text("{}")
    assert f"{run / 'run.json'}: NS622" in error_of(str(run))
    (run / "run.json").unlink()
    assert read_side(str(run)).spec is not None
    (run / "spec.yaml").write_text("netspec: 1\nlayers: {}\n")
    assert "spec.yaml:2:1: NS204" in error_of(str(run)).replace("2:9", "2:1")
