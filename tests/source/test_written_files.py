"""Files are written in one way: whole or not at all, at the place that was named and nowhere else."""

from __future__ import annotations

import ast
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.source.files import file_name, is_part, open_to_append, write_whole

HOUSE = Path(netspec.__file__).parent


class RefusedError(Exception):
    pass


def refuse(path: Path, error: OSError) -> Exception:
    return RefusedError(f"{path.name}: {error}")


def write(path: Path, text: str = "new") -> None:
    write_whole(path, lambda file: file.write(text.encode()), refuse)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def umask() -> Iterator[Any]:
    before = os.umask(0)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_is_as_the_umask_has_it(tmp_path: Path, umask: Any, mask: int) -> None:
    umask(mask)
    write(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    precious, target = tmp_path / "precious", tmp_path / "in" / "a"
    precious.write_text("old")
    target.symlink_to(precious)
    with pytest.raises(RefusedError, match=r"a: it is a link to .*precious: name the file itself, or remove the link"):
        write(target)
    assert target.is_symlink() and precious.read_text() == "old" and names(tmp_path / "in") == ["a"]
    (tmp_path / "in" / "b").symlink_to(tmp_path / "nothing")  # one that leads nowhere makes no file there
    with pytest.raises(RefusedError, match="link"):
        write(tmp_path / "in" / "b")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(OSError):
        open_to_append(target)


def test_a_link_that_waits_for_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name cannot be known; and were it, the file is new or there is none."""
    precious = tmp_path / "precious"
    precious.write_text("old")
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123456789abcdef")
    waiting = tmp_path / ".netspec-0123456789abcdef.part"
    waiting.symlink_to(precious)
    with pytest.raises(RefusedError, match="exists"):
        write(tmp_path / "a")
    assert precious.read_text() == "old" and names(tmp_path) == [waiting.name, "precious"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("folder", "folder"), ("pipe", "device or a pipe")):
        with pytest.raises(RefusedError, match=f"it is a {kind}, expected a file"):
            write(tmp_path / name)
    with pytest.raises(RefusedError, match="it is a folder, expected a file"):
        write(Path())
    with pytest.raises(RefusedError, match="null: it is a device"):
        write(Path("/dev/null"))
    assert names(tmp_path) == ["folder", "pipe"]


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")

    def half(file: Any) -> None:
        file.write(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", half, refuse)
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


def test_a_killed_writer_leaves_nothing_for_long_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    def child(name: str) -> int:
        pid = os.fork()
        if pid:
            return pid
        write_whole(tmp_path / name, lambda file: time.sleep(60), refuse)
        os._exit(0)

    first, second = child("a"), child("b")
    try:
        while len(names(tmp_path)) < 2:
            time.sleep(0.005)
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        write(tmp_path / "c")
        left = names(tmp_path)
        assert left[1:] == ["c"] and is_part(left[0])
    finally:
        os.kill(second, signal.SIGKILL)
        os.waitpid(second, 0)
    write(tmp_path / "c")
    assert names(tmp_path) == ["c"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", "resnet18"),
        ("../outside/planted", "outside-planted"),
        ("/etc/passwd", "etc-passwd"),
        ("..", "otherwise"),
        ("", "otherwise"),
        (".ssh", "ssh"),
        ("--run", "run"),
        ("a\0b\nc\\d", "a-b-c-d"),
        ("Größe 2", "Größe-2"),
        ("\ud800x", "x"),
        ("ä" * 400, "ä" * 60),
    ],
)
def test_a_name_is_never_a_path(name: str, expected: str) -> None:
    assert file_name(name, "otherwise") == expected


# the source: no other way

WRITERS = {
    "write_text", "write_bytes", "save_file", "save_model", "to_csv", "tofile", "savez", "savez_compressed", "save",
    "savetxt", "symlink_to", "hardlink_to", "symlink", "link", "rename", "renames", "touch", "mkstemp", "mkfifo",
    "NamedTemporaryFile", "TemporaryFile", "mkdtemp", "TemporaryDirectory", "memmap", "extractall",
    "truncate", "copy2", "copyfile", "copytree", "move", "unpack_archive", "ZipFile", "write_image", "FileIO",
}  # fmt: skip
ALLOWED = {
    ("data/fingerprint.py", "save"),  # safetensors': gives bytes
    ("training/loop.py", "save"),  # the saver's: training/saving.py, which writes with write_whole
    ("data/arrays.py", "ZipFile"),  # of a file that is open to be read
    ("cells/kernels/cpu/cache.py", "open"),  # to read, folder by folder, through no link
    ("source/lock.py", "open"),  # a lock is held on a file that is open, and no link is followed to it
    ("report/streams.py", "open"),  # of the null device, in the place of an output that is full
    ("cli/commands/git.py", "open"),  # standard output, as bytes
    *(("cli/git/patch.py", name) for name in ("TemporaryDirectory", "write_bytes", "symlink_to")),  # what git compares
    ("cells/kernels/gpu/triton_module.py", "mkdtemp"),  # where there is no cache folder
    ("lsp/server.py", "fdopen"),  # standard output, kept for the protocol alone
}


def other_ways(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Calls that make or change a file: name and line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        own = owner == "self" or (name == "write_text" and not owner)  # no library's
        own |= name == "renames" and not owner  # of layers, not os.renames
        if name in WRITERS and not own:
            yield name, node.lineno
        elif name == "replace" and owner and owner != "dataclasses" and len(node.args) == 1 and not node.keywords:
            yield "replace", node.lineno  # of a path; text takes two
        elif name in ("open", "fdopen"):
            second = ("", "io", "os", "gzip", "bz2", "lzma", "tarfile", "codecs", "archive")  # the mode is the second
            place = 1 if owner in second else 0
            given = [*node.args[place : place + 1], *(k.value for k in node.keywords if k.arg == "mode")]
            plain = all(isinstance(mode, ast.Constant) and not set("wax+") & set(str(mode.value)) for mode in given)
            if (owner, name) == ("os", "open") or not (plain or owner == "Image"):
                yield name, node.lineno


def test_nothing_else_in_the_source_writes_files() -> None:
    files = sorted(HOUSE.rglob("*.py"))
    assert len(files) > 150
    found = {
        (str(path.relative_to(HOUSE)), name, line)
        for path in files
        for name, line in other_ways(ast.parse(path.read_text(encoding="utf-8")))
        if path != HOUSE / "source" / "files.py" and (str(path.relative_to(HOUSE)), name) not in ALLOWED
    }
    assert not found, "write files with netspec.source.files.write_whole"


@pytest.mark.parametrize(
    "text",
    [
        "open('a', 'w')",
        "open(p, mode)",
        "p.open('r+b')",
        "io.open(p, mode='a')",
        "os.open(p, 1)",
        "part.replace(path)",
        "np.save(p, x)",
        "torch.save(x, p)",
        "p.write_text('')",
        "os.fdopen(h, 'w')",
        "tempfile.mkstemp()",
    ],
)
def test_the_walk_sees_other_ways(text: str) -> None:
    assert len(list(other_ways(ast.parse(text)))) == 1
    assert not list(other_ways(ast.parse("open(p); p.open('rb'); a.replace('b', 'c'); replace(x, y=1)")))


def test_all_that_a_program_writes_is_opened_in_one_place(tmp_path: Path) -> None:
    """Seen by Python's audit hook while a network is trained and exported: also what a library would open by itself."""
    script = """
import os, sys, traceback
from pathlib import Path
seen, here = [], os.path.realpath(os.getcwd())
def hook(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        ours = ("source/files.py", "source/lock.py")
        frames = [f.filename for f in traceback.extract_stack()]
        if isinstance(args[0], (str, bytes, os.PathLike)) and not any(f.endswith(ours) for f in frames):
            path = os.path.realpath(os.fsdecode(args[0]))
            if path.startswith(here):
                seen.append(path)
from typer.testing import CliRunner
from netspec.cli import app
sys.addaudithook(hook)
for line in ("train net.yaml --device cpu --run run", "export run --onnx -o run.onnx", "export net.yaml --onnx"):
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 0, done.output
print(seen)
"""
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\nname: ../outside/planted\ninputs: {x: [4]}\nlayers: {fc: {type: linear, out_features: 3}}\n"
        "outputs: {y: fc}\ndata: {source: iris}\ntrain: {loss: cross_entropy, epochs: 1}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert names(tmp_path) == ["net.yaml", "outside-planted.onnx", "run", "run.onnx"]
