"""`netspec lock`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import complain, errors
from netspec.cli.options import quiet_option
from netspec.cli.output import show
from netspec.source.errors import NetspecError

DIFFERS = 3  # the exit status, as `diff` has it


@command("netspec lock architectures/resnet18.yaml", "netspec lock --check architectures")
def lock(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="netspec files, and folders with such files.", show_default=False),
    ],
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing; say what is no more as its lock has it, with exit status 3 when anything is.",
        ),
    ] = False,
    quiet: Annotated[bool, quiet_option("Print problems, and what differs, alone.")] = False,
) -> None:
    """Write what a network is into NAME.lock beside it: digests, interface, and each layer with its shape and cost.

    Under version control it shows in review what a change of a block or of a parent file does to every network, and
    `--check` holds the files to what was reviewed. Exit status 1 when a file or a lock cannot be read.
    """
    from netspec.cli.network_files import is_fragment, locks_alone, network_files
    from netspec.review.lock.lockfile import lock_path

    failed = differing = unlocked = count = 0
    with errors():
        for path in network_files(files):
            try:
                if is_fragment(path):
                    if str(path) in files and not lock_path(path).is_file():
                        raise _no_network(path)
                    if check and lock_path(path).is_file():
                        count, differing = count + 1, differing + 1
                        show([f"{path}: is no network any more, as {lock_path(path)} has it"])
                    continue
                if check and _is_missing(lock_path(path), path):
                    unlocked += 1
                else:
                    differing += not (_same(path) if check else _written(path, quiet=quiet))
                count += 1
            except NetspecError as error:
                failed += 1
                complain(error.problems)
        for path in locks_alone(files) if check else ():
            count, differing = count + 1, differing + 1
            show([f"{path}: the network that it is of is not there any more"])
    if not quiet:
        verb = "no more as locked" if check else "changed"
        networks = f"{count:,} network{'s'[: count != 1]}, {differing:,} {verb}"
        networks += f", {unlocked:,} without a lock" if unlocked else ""
        show([f"{networks}, {failed:,} not read{'' if check else ' or written'}" if failed else networks])
    raise typer.Exit(1 if failed else DIFFERS if check and (differing or unlocked) else 0)


def _no_network(path: Path) -> NetspecError:
    message = "has nothing to lock: it is no network by itself, but blocks, cells or variables for others"
    return NetspecError("NS108", message, name=str(path), hint="lock the files that include it")


def _written(path: Path, *, quiet: bool) -> bool:
    """Write the lock of a file; gives whether it stood there already."""
    from netspec.cli.load import compiled
    from netspec.cli.network_files import replace_text
    from netspec.review.lock.lockfile import lock_path, lock_text
    from netspec.source.input_files import read_whole

    spec, lock_file = compiled(str(path), None), lock_path(path)
    text = lock_text(spec, spec.document, path.name)
    if lock_file.is_file() and read_whole(lock_file) == text.encode():
        return True
    replace_text(lock_file, text)
    if not quiet:
        show([f"{lock_file}: written"])
    return False


def _is_missing(lock_file: Path, path: Path) -> bool:
    """Whether a network was never locked, which is shown.  Raises what is wrong with the file."""
    from netspec.cli.load import compiled

    if lock_file.exists() or lock_file.is_symlink():
        return False
    compiled(str(path), None)
    show([f"{path}: {lock_file} is missing: `netspec lock {path}` writes it"])
    return True


def _same(path: Path) -> bool:
    """Whether a file is as its lock has it; else what is not is shown."""
    from netspec.cli.load import compiled
    from netspec.report.diff.text import lines
    from netspec.report.styled import Lines
    from netspec.review.diff import compare
    from netspec.review.difference import Side
    from netspec.review.lock.locked import first_other_line, lock_source, read_lock
    from netspec.review.lock.lockfile import lock_path, lock_text
    from netspec.source.text import Source

    spec, lock_file = compiled(str(path), None), lock_path(path)
    source = lock_source(lock_file)
    text = lock_text(spec, spec.document, path.name)
    if source.text == text:
        return True
    now = read_lock(Source(str(path), text))  # both as a lock has them: without data, training and budget
    difference = compare(Side(str(lock_file), read_lock(source)), Side(str(path), now))
    if difference:
        show([Lines(partial(lines, difference, str(lock_file), str(path), False))])
        show([f"help: if this is meant, `netspec lock {path}` writes it anew"])
        return False
    line = first_other_line(source, text).line
    written = text.split("\n")[line - 1] if line <= text.count("\n") else ""
    head = f"{lock_file}:{line}: computes what {path} does, and is written otherwise"
    show([head, f"- {source.lines[line - 1]}", f"+ {written}", f"help: `netspec lock {path}` writes it anew"])
    return False
