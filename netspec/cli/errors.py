"""How a command ends that cannot do its work: problems on stderr, and the exit status."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from netspec.cli.output import show
from netspec.source.errors import NetspecError, Problem


@contextmanager
def errors() -> Iterator[None]:
    """A wrong file ends with its problems on stderr and exit status 1."""
    from netspec.source.memory import memory

    try:
        with memory("while running the command"):
            yield
    except NetspecError as error:
        complain(error.problems)
        raise typer.Exit(1) from None
    except OSError as error:  # a path that the system does not take: too long, or not for this user
        name = "" if error.filename is None else str(error.filename)
        problem = Problem(
            "NS101", f"cannot be read or written: {error.strerror or error}", name=name, hint="check the path"
        )
        complain([problem])
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        raise typer.Exit(128 + getattr(error, "number", signal.SIGINT)) from None


def complain(problems: Iterable[Problem], *, level: str = "error") -> None:
    """Print problems to stderr."""
    from netspec.report.problems.text import listed

    show(listed((problem, level) for problem in problems))
