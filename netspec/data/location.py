"""Data that is somewhere else than its `path` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from netspec.data.config import DataConfig
from netspec.data.files import MissingDataError
from netspec.source.errors import NetspecError


def relocated(config: DataConfig, at: Path) -> DataConfig:
    """The same data, read from `at`: the data itself, or a folder that it is in or that its path is relative to.

    Raises NS602 where the data is in no file.
    """
    source: Any = config.source
    path = getattr(source, "path", None)
    if path is None:
        text = f"the source `{source.name}` is read from no file"
        raise NetspecError("NS602", text, hint="leave out --data")
    inside = [at / path, at / Path(path).name] if not Path(path).is_absolute() else [at / Path(path).name]
    here = next((p for p in inside if at.is_dir() and p.exists()), at)
    if here.is_dir() and not source.path_is_folder:
        here = inside[0]  # which is not there, and the error names it
    return replace(config, source=replace(source, path=str(here.absolute())))


@contextmanager
def hint_at(folder: Path | str) -> Iterator[None]:
    """Where data is missing, the error says where it was: below `folder`."""
    try:
        yield
    except MissingDataError as error:
        hint = f"when the run began it was below {folder}: name its place now with --data"
        raise NetspecError.of(replace(problem, hint=hint) for problem in error.problems) from None
