"""`netspec git`: networks in `git diff` and `git log -p`."""

from __future__ import annotations

from typing import Annotated

import typer

from netspec.cli.errors import errors
from netspec.cli.output import show

git = typer.Typer(
    name="git", add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False, no_args_is_help=True
)
Everywhere = Annotated[bool, typer.Option("--global", help="For all repositories of this user, in place of this one.")]


@git.callback(epilog="Examples:\n\n`netspec git install`\n\n`netspec git uninstall --global`")
def main() -> None:
    """Show networks in plain `git diff`, and their figures in `git log -p`, by a diff driver."""


@git.command(epilog="Examples:\n\n`netspec git install`\n\n`netspec git install --global`")
def install(everywhere: Everywhere = False) -> None:
    """Write the driver into git's configuration, and the files it is for into git's attributes.

    Neither is committed. Do it again when netspec has moved, or when other YAML files have come to the repository.
    """
    from netspec.cli.git.setup import git_scope, install

    with errors():
        show(install(git_scope(everywhere)))


@git.command(epilog="Examples:\n\n`netspec git uninstall`\n\n`netspec git uninstall --global`")
def uninstall(everywhere: Everywhere = False) -> None:
    """Take away all that `install` wrote."""
    from netspec.cli.git.setup import git_scope, uninstall

    with errors():
        show([*uninstall(git_scope(everywhere))] or ["nothing of netspec was there"])


@git.command(hidden=True, context_settings={"ignore_unknown_options": True})
def show_diff(arguments: list[str]) -> None:
    """What git calls for a file that differs."""
    from netspec.cli.git.driver import report

    _print(report(arguments))


@git.command(hidden=True)
def show_file(path: str) -> None:
    """What git calls for one side of a file, as text."""
    from netspec.cli.git.textconv import with_figures

    _print(with_figures(path))


def _print(data: bytes) -> None:
    """All at once, and only what is whole: where this fails, git's own text stands in."""
    with open(1, "wb", closefd=False) as out:
        out.write(data)
