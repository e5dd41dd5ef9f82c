"""A cell as a layer uses it: its sizes and parameters held against what the cell asks for, and its step for them.

What is wrong here is wrong in the layer.  Problems carry in `key` the layer's key that they are about, and no span:
the front end knows where the key stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language.cell import Cell
from netspec.cells.language.sizes import size_names
from netspec.shapes.dim import Size
from netspec.source.errors import NetspecError, Problem, Related, did_you_mean, raise_all
from netspec.source.text import show


def check_use(cell: Cell, hidden: int | None, params: Mapping[str, float]) -> None:
    """Raises NS202 for a parameter that the cell has not, NS204 for one it needs, and both for `hidden`."""
    problems: list[Problem] = []
    owner = f"cell `{cell.name}`"
    sizes = size_names(cell)
    for name in params:
        if name not in cell.params:
            listing = f"it has {', '.join(f'`{p}`' for p in cell.params)}" if cell.params else "it has none"
            problems.append(
                Problem(
                    "NS202",
                    f"{owner} has no parameter `{name}`",
                    hint=did_you_mean(name, cell.params, listing),
                    key=("params", name),
                )
            )
        elif not isfinite(params[name]):
            problems.append(
                Problem(
                    "NS203",
                    f"parameter `{name}` of {owner} expects a finite number, received {show(params[name])}",
                    key=("params", name),
                )
            )
        elif name in sizes and params[name] != int(params[name]):
            problems.append(
                Problem(
                    "NS203",
                    f"parameter `{name}` of {owner} is a size: it expects a whole number, "
                    f"received {show(params[name])}",
                    key=("params", name),
                )
            )
    missing = [name for name, default in cell.params.items() if default is None and name not in params]
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        problems.append(
            Problem(
                "NS204",
                f"{owner} needs its parameter{'s' * (len(missing) > 1)} {listed}",
                hint=f"add `params: {{{', '.join(f'{n}: …' for n in missing)}}}`",
                key=("params",),
            )
        )
    if "hidden" in sizes and hidden is None:
        problems.append(
            Problem(
                "NS204", f"{owner} needs `hidden`, a whole number of at least 1", hint="add `hidden: …`", key=("type",)
            )
        )
    if "hidden" not in sizes and hidden is not None:
        problems.append(
            Problem(
                "NS202",
                f"no size of {owner} is `hidden`",
                hint="remove it: the cell's own sizes are fixed",
                key=("hidden",),
            )
        )
    raise_all(problems)


def use(cell: Cell, hidden: int | None, features: Size, params: Mapping[str, float]) -> CellStep:
    """The step of a cell in a layer of `hidden` units whose input has `features`.

    Raises what `step_of` finds for these sizes and values, as problems of the layer that name the place in the cell.
    """
    sizes = {"input": features} if hidden is None else {"input": features, "hidden": hidden}
    try:
        return step_of(cell, sizes, params)
    except NetspecError as error:
        once = {problem.message: problem for problem in reversed(error.problems)}
        raise NetspecError.of(_moved(problem, cell) for problem in reversed(once.values())) from None


def _moved(problem: Problem, cell: Cell) -> Problem:
    span = problem.span
    text = span.source.lines[span.line - 1].strip().removeprefix("- ") if span else ""
    return replace(problem, span=None, related=(Related(f"cell {cell.name}", text, span), *problem.related))
