"""The file that migrated weights are written to: whole or not at all, with where they come from."""

from __future__ import annotations

from pathlib import Path

from netspec.migrate.migration import Migration
from netspec.migrate.old_network import SPEC_META, OldNetwork
from netspec.source.errors import NetspecError
from netspec.source.files import cannot_write, check_output, file_name
from netspec.spec import Spec
from netspec.training.weights import write_tensors
from netspec.version import VERSION

SUFFIX = ".safetensors"


def output_path(output: Path | None, name: str, old: Path) -> Path:
    """Where to write.

    Raises NS624 for a file of another kind, and for the one that the weights are read from, and NS704 where no file can
    be written.
    """
    path = output or Path()
    if path.is_dir():
        path /= f"{file_name(name, 'network')}{SUFFIX}"
    if path.suffix != SUFFIX:
        hint = f"name a folder that is there, or a file NAME{SUFFIX}"
        raise NetspecError("NS624", f"weights are written as {SUFFIX}", name=str(path), hint=hint)
    if path.exists() and old.exists() and path.samefile(old):
        raise NetspecError("NS624", "is the file that the weights are read from", name=str(path), hint="choose another")
    check_output(path)
    return path


def write_migration(path: Path, old: OldNetwork, new: Spec, migration: Migration) -> None:
    """Raises NS704 when it cannot be written."""
    metadata = {
        SPEC_META: new.resolved,
        "netspec.version": VERSION,
        "netspec.from": old.name,
        "netspec.from_sha256": old.sha256,
        "netspec.keeps_function": "yes" if migration.keeps_function else "no",
    }
    write_tensors(path, migration.tensors, metadata, cannot_write)
