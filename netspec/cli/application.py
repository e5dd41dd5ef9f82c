"""The application: what holds for every command."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

import netspec
from netspec.cli.lazy import LazyCommands
from netspec.report.streams import guarded
from netspec.source.errors import nearest


class App(typer.Typer):
    """The commands, with streams that may fail."""

    def __call__(self, *args: Any, **more: Any) -> Any:
        try:
            with guarded():
                return super().__call__(*args, **more)
        finally:
            with suppress(ValueError):  # of another thread than the first
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # libraries that are closed would show where they were


app = App(
    name="netspec",
    cls=LazyCommands,
    help="A neural network as a YAML file: checked, counted, trained, exported to ONNX, compared in review.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"netspec {netspec.__version__}")
        raise typer.Exit()


class Command(TyperCommand):
    """A command that suggests an option in place of an unknown one only where the two are alike."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # NoSuchOption, which typer has of its own
            unknown, options = getattr(error, "option_name", ""), getattr(error, "possibilities", None) or ()
            words = {name.lstrip("-"): name for name in options}  # the dashes are alike
            near = nearest(unknown.lstrip("-"), words)
            if options:
                error.possibilities = [words[near]] if near else []  # type: ignore[attr-defined]
            raise


def command(*examples: str, cls: type[TyperCommand] = Command) -> Callable[[Callable[..., None]], typer.Typer]:
    """Makes a command of a function: name, help and options are the function's; the examples end its help."""

    def register(function: Callable[..., None]) -> typer.Typer:
        alone = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
        alone.command(cls=cls, epilog="Examples:\n\n" + "\n\n".join(f"`{line}`" for line in examples))(function)
        return alone

    return register
