"""How a command ends that cannot do its work: problems on stderr, and the exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

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


def complain(problems: Sequence[Problem], *, warning: bool = False) -> None:
    """Print problems to stderr."""
    from netspec.report.problems import coloured

    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    for i, problem in enumerate(problems):
        text = problem.render()
        if warning:
            text = text.replace(f" {problem.code} ", f" {problem.code} warning: ", 1)
        typer.echo(("\n" if i else "") + (coloured(text) if colour else text), err=True)
