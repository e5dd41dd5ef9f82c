"""Which folder a training writes, and that no other one does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.files import file_name, is_part
from netspec.source.lock import LOCK, InUseError, hold
from netspec.training.files import cannot_write
from netspec.training.info import SPEC

RUNS = Path("runs")


@contextmanager
def claimed(name: str, run: Path | None, resume: bool) -> Iterator[Path]:
    """The folder asked for, or `runs/<name>-<n>`: the next free number, or the last run there to go on with.

    It is this process's alone until the end; a folder that nothing was written to is taken away again.
    Raises NS622 when it is in use or taken, or there is nothing to go on with, and NS624 when it cannot be made.
    """
    if run is None:
        stem = file_name(name, "run")
        folder = _last(stem) if resume else _next(stem)
        made = not resume
    else:
        folder, made = run, _make(run)
    try:
        with _held(folder):
            if run is not None and not resume:
                _check_empty(folder)
            yield folder
    finally:
        if made:
            for place in (folder, RUNS) if run is None else (folder,):
                with suppress(OSError):  # there is something in it
                    place.rmdir()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(hold(folder))
        except InUseError as who:
            raise NetspecError(
                "NS622",
                f"is in use: {who} trains there",
                name=str(folder),
                hint="wait until it ends, or choose another --run",
            ) from None
        except OSError as error:
            raise cannot_write(folder, error) from None
        yield


def _numbers(stem: str) -> dict[int, Path]:
    found = {path.name[len(stem) + 1 :]: path for path in RUNS.glob(f"{stem}-*")}
    return {int(number): path for number, path in found.items() if number.isdecimal()}


def _last(stem: str) -> Path:
    begun = {number: path for number, path in _numbers(stem).items() if (path / SPEC).is_file()}
    if not begun:
        raise NetspecError(
            "NS622",
            f"there is no run runs/{stem}-… to go on with",
            hint="leave out --resume, or name one with --run",
        )
    return begun[max(begun)]


def _next(stem: str) -> Path:
    """A new folder: of several processes that want the same number, one makes it."""
    number = max(_numbers(stem), default=0)
    try:
        while True:
            number += 1
            folder = RUNS / f"{stem}-{number}"
            RUNS.mkdir(exist_ok=True)
            with suppress(FileExistsError, FileNotFoundError):  # another's; `runs` was empty and taken away
                folder.mkdir()
                return folder
    except OSError as error:
        raise cannot_write(RUNS / f"{stem}-{number}", error) from None


def _make(run: Path) -> bool:
    """Whether the folder was not there before."""
    if run.exists() and not run.is_dir():
        raise NetspecError(
            "NS622", "is a file, expected a folder for the run", name=str(run), hint="choose another --run"
        )
    try:
        run.mkdir(parents=True)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        raise cannot_write(run, error) from None


def _check_empty(run: Path) -> None:
    if not any(path.name != LOCK and not is_part(path.name) for path in run.iterdir()):
        return
    begun = (run / SPEC).exists()
    hint = "go on with it with --resume, or choose another --run" if begun else "choose another --run"
    raise NetspecError("NS622", "exists already and is not empty", name=str(run), hint=hint)
