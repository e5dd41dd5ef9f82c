"""Which networks a range of revisions touches."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from netspec import NetspecError
from netspec.review.sides import side as sides
from netspec.review.sides.touched import NoNetworkError, TouchedNetwork, touched
from tests.review.texts import BASE, WIDE, Git

BLOCKS = "netspec: 1\nblocks:\n  pair:\n    layers: {fc: {type: linear, out_features: 8}, relu: relu}\n"
USES = "netspec: 1\ninclude: [shared/blocks.yaml]\ninputs: {x: [4]}\nlayers: {p: pair}\n"


def told(before: str, after: str | None, *paths: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(t.path, t.status, t.files) for t in touched(before, after, paths)]


def commit(git: Git, **files: str | None) -> None:
    """Write files (`nets__a` is nets/a.yaml), or remove those of None, and commit."""
    for name, text in files.items():
        path = Path(f"{name.replace('__', '/')}.yaml")
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    git("add", "-A")
    git("commit", "-qm", "next")


def test_a_base_touches_what_extends_it(git: Git) -> None:
    assert told("HEAD~1", "HEAD") == [
        ("nets/base.yaml", "changed", ("nets/base.yaml",)), ("nets/wide.yaml", "changed", ("nets/base.yaml",)),
    ]  # fmt: skip
    assert told("HEAD", "HEAD") == []
    assert told("HEAD", None) == []


def test_both_sides_come_with_what_they_read(git: Git) -> None:
    _, wide = touched("HEAD~1", "HEAD")
    assert wide.sides is not None
    assert [side.name for side in wide.sides] == ["HEAD~1:nets/wide.yaml", "HEAD:nets/wide.yaml"]
    widths = [side.spec["stage.0.fc"].type.shape[-1] for side in wide.sides if side.spec]
    assert widths == [8, 16]


def test_a_fragment_touches_every_network_that_reads_it(git: Git) -> None:
    commit(git, shared__blocks=BLOCKS, a=USES, b=USES, c=WIDE.replace("base", "a"), d=BASE)
    commit(git, shared__blocks=BLOCKS.replace("8", "9"))
    assert [t.path for t in touched("HEAD~1", "HEAD")] == ["a.yaml", "b.yaml", "c.yaml"]
    assert {t.files for t in touched("HEAD~1", "HEAD")} == {("shared/blocks.yaml",)}


def test_a_fragment_that_nobody_reads_stands_for_itself(git: Git) -> None:
    commit(git, blocks=BLOCKS)
    commit(git, blocks=BLOCKS.replace("8", "9"))
    [fragment] = touched("HEAD~1", "HEAD")
    assert fragment.path == "blocks.yaml" and not fragment.has_network and not fragment.problems
    assert fragment.sides and all(side.document is not None for side in fragment.sides)


def test_new_deleted_and_renamed_files(git: Git) -> None:
    commit(git, new=BASE.replace("4", "6"), nets__wide=None)
    assert told("HEAD~1", "HEAD") == [
        ("nets/wide.yaml", "deleted", ("nets/wide.yaml",)), ("new.yaml", "new", ("new.yaml",)),
    ]  # fmt: skip
    for t in touched("HEAD~1", "HEAD"):
        assert t.sides is not None
        assert [side.spec is not None for side in t.sides] == [t.status == "deleted", t.status == "new"]
    git("mv", "new.yaml", "nets/other.yaml")
    Path("nets/other.yaml").write_text(Path("nets/other.yaml").read_text().replace("repeat: 2", "repeat: 3"))
    commit(git)
    [renamed] = touched("HEAD~1", "HEAD")
    assert (renamed.path, renamed.status) == ("nets/other.yaml", "renamed")
    assert (renamed.before_name, renamed.after_name) == ("HEAD~1:new.yaml", "HEAD:nets/other.yaml")
    assert renamed.sides is not None and all(side.spec is not None for side in renamed.sides)


def test_a_block_moved_to_another_file_is_no_network_of_its_own(git: Git) -> None:
    commit(git, net=BASE)
    head, tail = BASE.split("layers:\n  stage")
    i = head.index("blocks:")
    commit(git, net=f"{head[:i]}include: shared.yaml\nlayers:\n  stage{tail}", shared=f"netspec: 1\n{head[i:]}")
    assert told("HEAD~1", "HEAD") == [("net.yaml", "changed", ("net.yaml", "shared.yaml"))]


def test_the_working_tree_is_the_second_side_of_one_revision(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("nets/base.yaml").write_text(BASE.replace("out_features: 8", "out_features: 32"))
    assert [t.path for t in touched("HEAD", None)] == ["nets/base.yaml", "nets/wide.yaml"]
    monkeypatch.chdir("nets")
    networks = list(touched("HEAD", None))
    assert [(t.before_name, t.after_name) for t in networks] == [
        ("HEAD:nets/base.yaml", "base.yaml"), ("HEAD:nets/wide.yaml", "wide.yaml"),
    ]  # fmt: skip
    widths = [s.spec["stage.0.fc"].type.shape[-1] for t in networks for s in t.sides or () if s.spec]
    assert widths == [16, 32, 16, 32]
    Path("wide.yaml").unlink()
    assert [(t.path, t.status) for t in touched("HEAD", None)] == [
        ("nets/base.yaml", "changed"), ("nets/wide.yaml", "deleted"),
    ]  # fmt: skip


def test_a_file_written_again_as_it_was_is_not_touched(git: Git) -> None:
    text = Path("nets/base.yaml").read_text()
    Path("nets/base.yaml").write_bytes(text.replace("\n", "\r\n").encode())
    assert told("HEAD", None) == []


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.yaml"], ["a.yaml"]),
        (["nets"], ["nets/base.yaml", "nets/wide.yaml"]),
        (["nets/"], ["nets/base.yaml", "nets/wide.yaml"]),
        (["./nets/wide.yaml"], ["nets/wide.yaml"]),
        (["nets/base.yaml"], ["nets/base.yaml", "nets/wide.yaml"]),
        (["shared"], ["a.yaml"]),
        (["."], ["a.yaml", "nets/base.yaml", "nets/wide.yaml"]),
        (["a.yaml", "nets/wide.yaml"], ["a.yaml", "nets/wide.yaml"]),
    ],
)
def test_paths_choose(git: Git, paths: list[str], expected: list[str]) -> None:
    commit(git, shared__blocks=BLOCKS, a=USES)
    commit(git, shared__blocks=BLOCKS.replace("8", "9"), nets__base=BASE)
    assert [path for path, _, _ in told("HEAD~1", "HEAD", *paths)] == expected


def test_a_path_is_no_beginning_of_one(git: Git) -> None:
    with pytest.raises(NoNetworkError, match="git knows of no netspec file there"):
        list(touched("HEAD~1", "HEAD", ["net"]))


def test_paths_count_from_the_current_folder(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("nets")
    assert [path for path, _, _ in told("HEAD~1", "HEAD", "wide.yaml")] == ["nets/wide.yaml"]
    assert [path for path, _, _ in told("HEAD~1", "HEAD", "..")] == ["nets/base.yaml", "nets/wide.yaml"]
    with pytest.raises(NetspecError, match="is outside of the repository"):
        list(touched("HEAD~1", "HEAD", ["../../a.yaml"]))


def test_files_of_others_are_left_alone(git: Git) -> None:
    Path("values.yaml").write_text("image: {tag: 1}\n")
    Path("broken.yaml").write_text("a: [\n")
    Path("binary.yaml").write_bytes(b"\0netspec: 1\n")
    Path("large.yml").write_text("a: " + "x" * (1 << 21))
    Path("notes.txt").write_text("netspec: 1\n")
    git("add", ".")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD').strip()},sub.yaml")
    git("commit", "-qm", "others")
    assert [t.path for t in touched("HEAD~1", "HEAD")] == []


def test_a_broken_network_hides_no_other(git: Git) -> None:
    commit(git, nets__wide=WIDE.replace("7", "many"), nets__base=BASE)
    base, wide = touched("HEAD~1", "HEAD")
    assert base.sides is not None and not base.problems
    assert wide.sides is None and [str(p.span) for p in wide.problems] == ["HEAD:nets/wide.yaml:4:30"]


def test_broken_files_that_did_not_change_are_not_looked_at(git: Git) -> None:
    commit(git, broken="netspec: 1\nextends: [\n")
    commit(git, nets__base=BASE)
    assert [t.path for t in touched("HEAD~1", "HEAD")] == ["nets/base.yaml", "nets/wide.yaml"]


def test_links_are_followed(git: Git) -> None:
    Path("shared").mkdir()
    Path("shared/blocks.yaml").write_text(BLOCKS)
    Path("shared/link.yaml").symlink_to("blocks.yaml")
    commit(git, a=USES.replace("blocks.yaml", "link.yaml"))
    commit(git, shared__blocks=BLOCKS.replace("8", "9"))
    assert [t.path for t in touched("HEAD~1", "HEAD")] == ["a.yaml"]
    Path("shared/blocks.yaml").write_text(BLOCKS)
    assert [t.path for t in touched("HEAD", None)] == ["a.yaml"]


def test_odd_names(git: Git) -> None:
    names = ["a b.yaml", "größe.yaml", '"quoted".yaml', "tab\tbed.yaml", "-x.yaml"]
    for name in names:
        Path(name).write_text(BASE)
    commit(git)
    assert sorted(t.path for t in touched("HEAD~1", "HEAD")) == sorted(names)
    assert all(t.sides and t.sides[1].spec for t in touched("HEAD~1", "HEAD"))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("nowhere", "HEAD", "nowhere: NS101 git knows no revision `nowhere`"),
        ("HEAD", "nowhere", "nowhere: NS101 git knows no revision `nowhere`"),
        ("--output=x", "HEAD", "a revision does not begin with -"),
        ("HEAD", "--output=x", "a revision does not begin with -"),
    ],
)
def test_wrong_revisions(git: Git, before: str, after: str, message: str) -> None:
    with pytest.raises(NetspecError) as caught:
        list(touched(before, after))
    assert message in str(caught.value)
    assert not Path("x").exists()


def test_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NetspecError, match="not a git repository"):
        list(touched("HEAD", None))


def test_a_repository_without_a_working_tree(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git("clone", "-q", "--bare", ".", "bare.git")
    monkeypatch.chdir("bare.git")
    assert [t.path for t in touched("HEAD~1", "HEAD")] == ["nets/base.yaml", "nets/wide.yaml"]


def test_few_processes_and_no_network_twice(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, **{f"many__n{i}": BASE for i in range(30)})
    commit(git, many__n7=BASE.replace("8", "9"), many__n9=BASE.replace("8", "9"))
    processes: list[object] = []
    started = subprocess.Popen.__init__

    def counted(self: subprocess.Popen[bytes], *args: object, **more: object) -> None:
        processes.append(args)
        started(self, *args, **more)  # type: ignore[arg-type]

    compiled: list[str] = []
    build = sides.build

    def built(*args: object, **more: object) -> object:
        compiled.append(str(args[0]))
        return build(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess.Popen, "__init__", counted)
    monkeypatch.setattr(sides, "build", built)
    networks: list[TouchedNetwork] = list(touched("HEAD~1", "HEAD"))
    assert [t.path for t in networks] == ["many/n7.yaml", "many/n9.yaml"]
    assert len(processes) == 5 and len(compiled) == 4


def test_a_network_that_is_called_otherwise_is_not_lost(git: Git) -> None:
    """Renamed to an ending of no YAML file it is looked at; where the renamed file is no netspec file it is deleted."""
    git("mv", "nets/wide.yaml", "nets/wide.net")
    assert told("HEAD", None) == [("nets/wide.net", "renamed", ("nets/wide.net",))]
    Path("nets/wide.net").write_text(WIDE.replace("netspec: 1\n", ""))
    assert [(path, status) for path, status, _ in told("HEAD", None)] == [("nets/wide.yaml", "deleted")]
