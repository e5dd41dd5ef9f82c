"""A netspec file as the commands take it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netspec
from netspec.source.errors import NetspecError, Problem


def compiled(file: str, sets: list[str] | None, *, hold_budget: bool = True) -> netspec.Graph:
    """Everything up to shapes and budget, and what the file says about learning."""
    from netspec.data.config import read_data
    from netspec.recipe.read import read_train

    graph = netspec.load(Path(file), sets=sets or (), hold_budget=hold_budget)
    problems: list[Problem] = []
    reads: list[Callable[[], Any]] = []
    if graph.data is not None:
        reads.append(lambda: read_data(graph.data))  # type: ignore[arg-type]  # it is not None here
    if graph.train is not None:
        reads.append(lambda: read_train(graph.train, graph.output_types(), graph.layers()))  # type: ignore[arg-type]  # likewise
    for read in reads:
        try:
            read()
        except NetspecError as error:
            problems += error.problems
    if problems:
        raise NetspecError.of(problems)
    return graph
