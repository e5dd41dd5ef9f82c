"""Files of data: their text, and those that are not where their path leads."""

from __future__ import annotations

from pathlib import Path

from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.input_files import read_whole
from netspec.source.text import Span


class MissingDataError(NetspecError):
    """NS602: there is nothing at the path, so that the data may have moved."""


def missing_file(
    path: Path, name: str, span: Span | None, otherwise: str = "paths are relative to the netspec file"
) -> NetspecError:
    """NS602 with the nearest name in the same folder."""
    if path.is_symlink():
        return NetspecError("NS602", f"{name} is a link that leads nowhere", span, hint="put back what it leads to")
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        names = []
    hint = did_you_mean(path.name, names, otherwise)
    return MissingDataError("NS602", f"no such file: {name}", span, hint=hint)


def read_file(path: Path, span: Span | None, shown: str | None = None, hint: str = "save it as CSV in UTF-8") -> str:
    """The text of a data file.  Raises NS602 when there is none."""
    name = shown or str(path)
    try:
        return read_whole(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise missing_file(path, name, span) from None
    except UnicodeDecodeError as error:
        raise NetspecError("NS602", f"{name} is not UTF-8 text (byte {error.start})", span, hint=hint) from None
    except OSError as error:
        raise NetspecError("NS602", f"{name} cannot be read: {error.strerror or error}", span) from None
