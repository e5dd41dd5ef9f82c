"""Kept kernels are code: none is read from where somebody else can have put it, and none is lost where nobody can."""

from __future__ import annotations

import errno
import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.cells.ir.compiled import compiled_of
from netspec.cells.ir.lower import step_of
from netspec.cells.kernels.cpu import cache
from netspec.cells.kernels.cpu import compile as cpu
from netspec.cells.language.library import library_cell

DATA = b"code"
WHOLE = hashlib.sha256(DATA).digest() + DATA
SOMEBODY = 54321


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "a" / "kernels"))
    cache._say.cache_clear()
    yield tmp_path / "a" / "kernels"
    cache._say.cache_clear()


def kept(folder: Path) -> Path:
    cache.write("k.o", DATA)
    assert cache.read("k.o") == DATA
    return folder / "k.o"


def test_what_is_kept_is_this_users_alone_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        file = kept(folder)
    finally:
        os.umask(before)
    assert [p.stat().st_mode & 0o777 for p in (file, folder, folder.parent)] == [0o600, 0o700, 0o700]
    assert [p.name for p in folder.iterdir()] == ["k.o"]


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o622, 0o777])
def test_a_file_that_others_can_write_is_not_read(folder: Path, mode: int) -> None:
    file = kept(folder)
    file.chmod(mode)
    assert cache.read("k.o") is None
    cache.write("k.o", DATA)
    assert cache.read("k.o") == DATA and file.stat().st_mode & 0o777 == 0o600


def test_a_link_or_a_pipe_is_neither_read_nor_followed(folder: Path, tmp_path: Path) -> None:
    file = kept(folder)
    target = tmp_path / "target"
    target.write_bytes(WHOLE)
    target.chmod(0o600)
    for plant in (lambda: file.symlink_to(target), lambda: os.mkfifo(file, 0o600)):
        file.unlink()
        plant()
        assert cache.read("k.o") is None
        cache.write("k.o", b"other")
        assert cache.read("k.o") == b"other" and target.read_bytes() == WHOLE


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_what_another_user_owns_is_not_read(folder: Path) -> None:
    file = kept(folder)
    os.chown(file, SOMEBODY, -1)
    assert cache.read("k.o") is None
    cache.write("k.o", DATA)
    assert cache.read("k.o") == DATA
    for owned in (folder, folder.parent):
        os.chown(owned, SOMEBODY, -1)
        with pytest.warns(UserWarning, match="belongs to another user"):
            cache.write("other.o", DATA)
        assert cache.read("k.o") is None and not (folder / "other.o").exists()
        os.chown(owned, 0, -1)
        cache._say.cache_clear()


def test_a_folder_of_the_system_is_nobodys_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user on the same machine: what he finds is not his own."""
    kept(folder)
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    assert cache.read("k.o") is None


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777, 0o730])
@pytest.mark.parametrize("above", [False, True])
def test_a_folder_in_which_others_may_write_is_refused_once(folder: Path, mode: int, above: bool) -> None:
    kept(folder)
    shared = folder.parent if above else folder
    shared.chmod(mode)
    if above and mode == 0o1777 and shared.stat().st_uid == 0:
        assert cache.read("k.o") == DATA  # as /tmp of the system: only owners remove there
        return
    with pytest.warns(UserWarning, match=r"others may write in `.*chmod go-w"):
        cache.write("other.o", DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.write("other.o", DATA)
    assert cache.read("k.o") is None and not (folder / "other.o").exists()


def test_a_link_leads_to_no_folder_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "k.o").write_bytes(WHOLE)
    shared.chmod(0o777)
    (tmp_path / "link").symlink_to(shared)
    for path in (tmp_path / "link", tmp_path / "link" / "below"):
        monkeypatch.setenv("NETSPEC_CACHE", str(path))
        assert cache.read("k.o") is None
        with pytest.warns(UserWarning, match="others may write"):
            cache.write("k.o", DATA)
        cache._say.cache_clear()
    assert [p.name for p in shared.iterdir()] == ["k.o"]


def test_a_relative_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETSPEC_CACHE", "kernels")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    with pytest.warns(UserWarning, match="NETSPEC_CACHE is `kernels`, expected an absolute path"):
        cache.write("k.o", DATA)
    assert (tmp_path / "home" / ".cache" / "netspec" / "k.o").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["home"]
    monkeypatch.delenv("NETSPEC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "netspec"


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(folder)
    (folder / ".netspec-0123456789abcdef.part").write_bytes(b"of a process that was killed")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="No space left on device"):
        patch.setattr(os, "fsync", full)
        cache.write("other.o", DATA)
    assert [p.name for p in folder.iterdir()] == ["k.o"] and cache.read("k.o") == DATA
    (folder / "k.o").write_bytes(WHOLE[:-1])
    assert cache.read("k.o") is None


def test_a_planted_kernel_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash is right; who can have put it there is what counts."""
    compiled = compiled_of(step_of(library_cell("np"), {"hidden": 5, "input": 3}))
    assert compiled is not None
    loop = compiled.inference.loop
    cpu._build(loop, False)
    [file] = folder.iterdir()
    file.write_bytes(WHOLE)  # what LLVM would crash over
    folder.chmod(0o777)
    with pytest.warns(UserWarning, match="others may write"):
        cpu._build(loop, False)
    assert file.read_bytes() == WHOLE
