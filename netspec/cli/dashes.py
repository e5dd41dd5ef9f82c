"""`--` on the command line: what stands behind it are paths, whatever they look like."""

from __future__ import annotations

from typing import Any

import typer

from netspec.cli.application import Command

_PATHS = "netspec.paths"


class PathsBehindDashes(Command):
    """A command that takes the arguments behind `--` apart from those before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" in args:
            dashes = args.index("--")
            ctx.meta[_PATHS] = tuple(args[dashes + 1 :])
            args = args[:dashes]
        return super().parse_args(ctx, args)


def paths_behind_dashes(context: typer.Context) -> tuple[str, ...] | None:
    """The arguments behind `--`; None where there is none."""
    paths: tuple[str, ...] | None = context.meta.get(_PATHS)
    return paths
