"""Commands that are imported when they run: starting one costs nothing for the others."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

# In the order of the work, which is the order of `netspec --help`.
COMMANDS = (
    "validate",
    "summary",
    "plot",
    "diff",
    "git",
    "fmt",
    "resolve",
    "lock",
    "layers",
    "cells",
    "schema",
    "migrate",
    "train",
    "evaluate",
    "predict",
    "export",
    "explain",
    "lsp",
)


class CommandFiles(UserDict[str, Any]):
    """name -> command; its file in `commands/` is imported when it is asked for."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(COMMANDS))

    def __getitem__(self, name: str) -> Any:
        if name in self.data and self.data[name] is None:
            module = import_module(f"netspec.cli.commands.{name}")
            self.data[name] = get_command(getattr(module, name))
        return self.data[name]


class LazyCommands(TyperGroup):
    """The group of all commands.  `--help` and completion of names import each of them, a run only its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = CommandFiles()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)
