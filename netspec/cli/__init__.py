"""The command line: `commands/` has one file a command.  `netspec.cli:app` is what `netspec` runs."""

from __future__ import annotations

from netspec.cli.application import app

__all__ = ["app"]
