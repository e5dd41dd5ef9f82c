"""Networks as they stand in a file or stood in a revision: `net.yaml`, `HEAD~1:net.yaml`."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from netspec.frontend.document import load_document
from netspec.graph.build import build, load
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.source.tree import read_text


def load_revision(name: str) -> Graph:
    """A file, or `REV:path` of the git repository here; what it extends and includes is of that revision too.

    A network over its budget passes: what made it so is what a comparison is for.
    """
    revision, colon, path = name.partition(":")
    if Path(name).exists() or not colon or not revision:
        return load(Path(name), hold_budget=False)
    if revision.startswith("-"):  # git would read it as an option
        raise NetspecError("NS101", "cannot be read from git: a revision does not begin with -", name=name)
    files = _git(name, "ls-tree", "-r", "--name-only", revision, "--", f"{PurePosixPath(path).parent}/")
    wanted = [f for f in files.decode().splitlines() if f.endswith((".yaml", ".yml")) or f == path]
    if path not in wanted:
        raise NetspecError("NS101", f"no such file in revision {revision}", name=name,
                           hint="the path counts from the current folder")  # fmt: skip
    archive = _git(name, "archive", "--format=tar", revision, "--", *wanted)
    with tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        file = Path(folder) / path
        return build(load_document(read_text(file, name), file), hold_budget=False)


def _git(name: str, *command: str) -> bytes:
    try:
        done = subprocess.run(["git", *command], capture_output=True, check=False)
    except FileNotFoundError:
        raise NetspecError("NS101", "cannot be read: git is not installed", name=name) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise NetspecError("NS101", f"cannot be read from git: {reason}", name=name, hint="write `REV:path`")
    return done.stdout
