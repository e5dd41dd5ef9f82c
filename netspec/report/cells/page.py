"""The page about one cell at one size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from netspec.cells.ir.stack import CellStack, stack_of
from netspec.cells.ir.use import check_use
from netspec.cells.language.cell import Cell
from netspec.cells.language.expr import unparse
from netspec.cells.language.sizes import size_names
from netspec.cells.run.paths import paths
from netspec.report.numbers import count
from netspec.shapes.dim import Size, product
from netspec.source.errors import NetspecError
from netspec.source.text import show

DEFAULT_INIT = "Weights without an `init` are drawn uniformly between −1/√hidden and 1/√hidden."


def weight_rows(cell: Cell, stack: CellStack) -> list[tuple[str, str, str, str, str]]:
    """Weights of one shape and init together: names, declared shape, extents, how many numbers, init."""
    groups: dict[tuple[str, tuple[Size, ...], str], list[str]] = {}
    for name, shape in stack.step(0).weights.items():
        declared = f"[{', '.join(map(_plain, cell.weights[name].shape))}]"
        begin = show(cell.init[name].plain()).replace("'", "") if name in cell.init else ""
        groups.setdefault((declared, shape, begin), []).append(name)
    table = []
    for (declared, shape, begin), names in groups.items():
        each = count(product(shape))
        numbers = f"{len(names)} × {each}" if len(names) > 1 else each
        table.append((", ".join(names), declared, " × ".join(map(str, shape)) or "1", numbers, begin))
    return table


def _plain(expr: Any) -> str:
    text = unparse(expr)
    return text[1:-1] if text.startswith("(") else text


def page(cell: Cell, hidden: int | None, features: int, params: Mapping[str, float]) -> Any:
    """All about one cell at one size (a rich renderable).

    `hidden` None: 128 where the cell has such a size.  Raises NS202 and NS204 for parameters that do not fit.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if hidden is None and "hidden" in size_names(cell):
        hidden = 128
    _check(cell, hidden, params)
    stack = stack_of(cell, hidden, features, tuple(sorted(params.items())))
    step = stack.step(0)
    head = [Text.assemble((cell.name, "bold"), f"  {cell.description}" if cell.description else "")]
    head += [Text(cell.source, style="dim")] if cell.source else []
    values = {**cell.params, **params}
    facts = [("params", ", ".join(f"{k} = {v:g}" for k, v in values.items()))] if values else []
    facts += [
        ("state", ", ".join(f"{name} ({size})" for name, size in step.states.items())),
        ("output", f"{cell.output} ({step.output.size})"),
    ]
    equations = Text("\n".join("  " + " ".join(str(e.text.value).split()) for e in cell.equations))
    weights = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("weight", "shape", "", "parameters", "init"):
        weights.add_column(column, justify="right" if column in ("", "parameters") else "left", overflow="fold")
    for row in weight_rows(cell, stack):
        weights.add_row(*map(Text, row))
    each, once = stack.products
    total = sum(prod(shape) for shape in stack.weights.values())
    facts += [
        ("parameters", count(total)),
        ("multiply-adds", f"{count(each)} a step" + (f", {count(once)} once a sequence" if once else "")),
    ]
    figures = _pairs(facts)
    ways = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("on", "runs as", "because"):
        ways.add_column(column, overflow="fold", no_wrap=column == "on")
    for where, path, reason in paths(step):
        ways.add_row(Text(where, style="bold"), Text(path, style="green"), Text(reason))
    sizes = f"hidden {hidden}, input {features}" if hidden is not None else f"input {features}"
    return Group(
        *head,
        Text(),
        equations,
        Text(),
        Text(sizes, style="dim"),
        figures,
        weights,
        ways,
        Text(DEFAULT_INIT, style="dim"),
    )


def _check(cell: Cell, hidden: int | None, params: Mapping[str, float]) -> None:
    """`check_use` in the words of the command line."""
    try:
        check_use(cell, hidden, params)
    except NetspecError as error:
        problems = []
        for problem in error.problems:
            option = "--" + problem.key[0].replace("params", "param")
            missing = problem.code == "NS204"
            hint = " ".join(f"--param {n}=…" for n, v in cell.params.items() if v is None and n not in params)
            problems.append(replace(problem, name=option, hint=f"add `{hint}`" if missing else problem.hint))
        raise NetspecError.of(problems) from None


def _pairs(facts: Iterable[tuple[str, str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=False, pad_edge=False)
    for name, text in facts:
        grid.add_row(Text(name, style="bold"), Text(text))
    return grid
