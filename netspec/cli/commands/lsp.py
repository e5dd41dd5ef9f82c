"""`netspec lsp`."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import typer

from netspec.cli.application import command
from netspec.cli.errors import complain
from netspec.cli.output import is_terminal, show
from netspec.report.formats import Stderr
from netspec.source.errors import Problem


@command("netspec lsp")
def lsp() -> None:
    """The language server that editors talk to, on standard input and output.

    Problems while typing, shapes behind each layer, documentation, completion, renaming. docs/editor.md says how an
    editor starts it.
    """
    if find_spec("pygls") is None:
        complain([Problem("NS101", "`netspec lsp` needs pygls", name="netspec lsp", hint="pip install 'netspec[lsp]'")])
        raise typer.Exit(1)
    from netspec.lsp.server import run

    if is_terminal(sys.stdin):
        show([Stderr("netspec lsp is a language server: an editor starts it, as docs/editor.md says. Ctrl-C ends it.")])
    status = run()
    if status:
        show([Stderr("netspec lsp: standard input ended before `shutdown` and `exit`")])
    raise typer.Exit(status)
