"""The files of a run: each there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.source.errors import NetspecError
from netspec.source.files import reason, write_whole
from netspec.source.input_files import read_whole
from netspec.source.records.from_json import parse_json, plain_json


def cannot_write(path: Path, error: Exception) -> NetspecError:
    """NS624: what is on the disk is what was there before."""
    return NetspecError(
        "NS624",
        f"cannot write {path}: {reason(error)}",
        hint="what was saved before is still whole: make room, then go on with --resume",
    )


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode("utf-8")), cannot_write)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, plain_json(value, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file.  Raises NS622 when it is missing or broken."""
    try:
        text = read_whole(path)
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    found = parse_json(text, "NS622", str(path))
    if not isinstance(found, dict):
        raise NetspecError("NS622", "is not what netspec wrote", name=str(path))
    return found
