"""`netspec validate`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import complain
from netspec.cli.load import compiled
from netspec.cli.options import Sets
from netspec.source.errors import NetspecError, Problem


class ProblemFormat(StrEnum):
    text = "text"
    json = "json"
    github = "github"


@command("netspec validate net.yaml", "netspec validate architectures/*.yaml --format github")
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="netspec files.", show_default=False)],
    format: Annotated[
        ProblemFormat, typer.Option(help="For a person, a program, or a code review.")
    ] = ProblemFormat.text,
    sets: Sets = None,
) -> None:
    """Check files: syntax, names, shapes, budget, learning. Answers without importing torch.

    Exit status 1 when a file is wrong.
    """
    from netspec.graph.cost import total
    from netspec.report.problems import as_github, as_json
    from netspec.report.text import count, short

    found: list[tuple[Problem, str]] = []
    wrong = False
    for file in files:
        try:
            graph = compiled(file, sets)
        except NetspecError as error:
            wrong = True
            found += [(p, "error") for p in error.problems]
            if format is ProblemFormat.text:
                complain(error.problems)
            continue
        found += [(p, "warning") for p in graph.warnings]
        if format is ProblemFormat.text:
            complain(graph.warnings, warning=True)
            cost = total(graph)
            lengths = f", {graph.lengths.text()}" if graph.lengths.conditions else ""
            typer.echo(f"{file}: ok, {count(cost.params)} parameters, {short(cost.flops)} FLOPs{lengths}")
    if format is ProblemFormat.json:
        typer.echo(as_json(found))
    elif format is ProblemFormat.github and found:
        typer.echo(as_github(found))
    raise typer.Exit(int(wrong))
