"""Networks as they stand in a file or stood in a revision: `net.yaml`, `HEAD~1:net.yaml`."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from netspec.frontend.document import load_document
from netspec.graph.build import build, read_network
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.garbage import collecting_later
from netspec.source.tree import read_text


def load_revision(name: str) -> Graph:
    """A file, or `REV:path` of the git repository here; what it extends and includes is of that revision too.

    A network over its budget passes: what made it so is what a comparison is for.
    """
    revision, colon, path = name.partition(":")
    if Path(name).exists() or not colon or not revision:
        return _network(Path(name), name)
    if revision.startswith("-"):  # git would read it as an option
        raise NetspecError("NS101", "cannot be read from git: a revision does not begin with -", name=name)
    top = _git(name, Path(), "rev-parse", "--show-toplevel").decode().strip()
    for folder in (Path(), Path(top)):  # a path counts from here; as git has it, from the top
        parent = f"{PurePosixPath(path).parent}/"
        files = _git(name, folder, "ls-tree", "-r", "--name-only", revision, "--", parent).decode().splitlines()
        if path in files:
            break
    else:
        hint = "the path counts from the current folder, or from the top of the repository"
        raise NetspecError("NS101", f"no such file in revision {revision}", name=name, hint=hint)
    wanted = [f for f in files if f.endswith((".yaml", ".yml")) or f == path]
    archive = _git(name, folder, "archive", "--format=tar", revision, "--", *wanted)
    with tempfile.TemporaryDirectory(prefix="netspec-") as copy:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(copy, filter="data")
        file = Path(copy) / path
        return _network(file, name)


def _network(file: Path, name: str) -> Graph:
    """What the file says about learning is not read: it changes no network."""
    problems = Problems()
    with collecting_later():
        network = read_network(load_document(read_text(file, name), file), problems)
        raise_all(problems)
        return build(network, Graph(), hold_budget=False)


def _git(name: str, folder: Path, *command: str) -> bytes:
    try:
        done = subprocess.run(["git", *command], capture_output=True, check=False, cwd=folder)
    except FileNotFoundError:
        raise NetspecError("NS101", "cannot be read: git is not installed", name=name) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise NetspecError("NS101", f"cannot be read from git: {reason}", name=name, hint="write `REV:path`")
    return done.stdout
