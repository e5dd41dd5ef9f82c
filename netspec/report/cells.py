"""`netspec cells`: the cells of the library or of a file, and all about one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from netspec.cells.ir.stack import CellStack, stack_of
from netspec.cells.ir.use import check_use
from netspec.cells.language.cell import Cell
from netspec.cells.language.expr import unparse
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.language.sizes import side_of, size_names
from netspec.cells.run.paths import paths
from netspec.frontend.cells import cells_of_file, used_of_file
from netspec.report.text import count
from netspec.shapes.dim import Dim, Quotient, Size, product, symbol
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import show

COLUMNS = ("cell", "states", "parameters", "what it is", "source")
NOTE = "H hidden, I input. `netspec cells NAME` shows equations, costs and how a cell runs."
BEGIN = "Where a cell or a layer says nothing else, weights begin uniform between −1/√hidden and 1/√hidden."


def find(name: str) -> list[Cell]:
    """The cells that a name, `FILE:NAME` or `FILE` stands for.  Raises NS101, NS201 and what is wrong with them.

    A file without cells of its own stands for those of the library that its layers name.
    """
    file, _, cell = name.rpartition(":")
    if name.endswith((".yaml", ".yml")):
        file, cell = name, ""
    if not file:
        if name in library_names():
            return [library_cell(name)]
        hint = did_you_mean(name, library_names(), "`netspec cells` lists the library's; FILE:NAME is one of a file")
        raise NetspecError("NS201", f"the library has no cell {show(name)}", hint=hint)
    own = cells_of_file(Path(file))
    if cell and cell not in own:
        there = f"it has {', '.join(f'`{c}`' for c in own)}" if own else "it has no `cells`"
        raise NetspecError("NS201", f"no cell {show(cell)}", name=file, hint=did_you_mean(cell, own, there))
    if cell:
        return [own[cell]]
    found = list(own.values()) or used_of_file(Path(file))
    if not found:
        raise NetspecError("NS201", "the file has no `cells`, and no layer of it names one", name=file,
                           hint="`netspec cells` lists the library's")  # fmt: skip
    return found


def read_params(given: Iterable[str]) -> dict[str, float]:
    """`NAME=VALUE` of the command line.  Raises NS203."""
    found = {}
    for text in given:
        name, _, value = (part.strip() for part in text.partition("="))
        number = _number(value)
        if not name or number is None:
            raise NetspecError("NS203", f"expected NAME=NUMBER, received {show(text)}", name="--param",
                               hint=f"for example `--param {name or 'NAME'}=1`")  # fmt: skip
        found[name] = number
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def library() -> list[Cell]:
    """Every cell of the library."""
    return [library_cell(name) for name in library_names()]


def rows(cells: Iterable[Cell]) -> list[tuple[str, str, str, str, str]]:
    """Name, states, number of parameters as a formula, description, source."""
    found = []
    for cell in cells:
        states = ", ".join(_state(s.name, formula(_symbolic(cell, s.shape))) for s in cell.states.values())
        found.append((cell.name, states, formula(parameters(cell)), cell.description, cell.source))
    return found


def _state(name: str, size: str) -> str:
    return name if size == "H" else f"{name} ({size})"


def _symbolic(cell: Cell, shape: tuple[Any, ...]) -> Size:
    names = {name: symbol(name) for name in ("hidden", "input", *cell.params)}
    return product(tuple(side_of(e, names) for e in shape))


def parameters(cell: Cell) -> Size:
    """How many numbers are learned, where the input has another size than the hidden one."""
    total: Size = 0
    for weight in cell.weights.values():
        total = total + _symbolic(cell, weight.shape)
    return total


def formula(size: Size) -> str:
    """`4H² + 4HI + 7H`."""
    if not isinstance(size, Dim):
        return f"{size:,}"
    out = ""
    for monomial, factor in size.terms:
        letters = Counter(_letter(atom) for atom in monomial)
        names = [name + _POWERS.get(n, f"^{n}" if n > 1 else "") for name, n in letters.items()]
        text = ("" if all(len(name) < 3 for name in names) else "·").join(names)
        number = f"{abs(factor):,}" if abs(factor) != 1 or not text else ""
        out += (" − " if factor < 0 else " + " if out else "") + number + text
    return out.strip()


_POWERS = {2: "²", 3: "³"}


def _letter(atom: str | Quotient) -> str:
    if isinstance(atom, Quotient):
        return f"⌊{formula(atom.numerator)} / {atom.denominator}⌋"
    return {"hidden": "H", "input": "I"}.get(atom, atom)


def listing(cells: Iterable[Cell], width: int) -> Any:
    """The table for a terminal of so many columns (a rich renderable)."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    wide = width >= 150  # else the source stands behind the description
    for column in COLUMNS if wide else COLUMNS[:4]:
        grid.add_column(column, no_wrap=column in ("cell", "parameters"), overflow="fold")
    for name, states, params, what, source in rows(cells):
        end = [Text(what), Text(source)] if wide else [Text.assemble(what, " " if what else "", (source, "dim"))]
        grid.add_row(Text(name, style="bold"), Text(states), Text(params), *end)
    return Group(grid, Text(NOTE, style="dim"))


def weight_rows(cell: Cell, stack: CellStack) -> list[tuple[str, str, str, str, str]]:
    """Weights of one shape and beginning together: names, declared shape, extents, how many numbers, beginning."""
    groups: dict[tuple[str, tuple[Size, ...], str], list[str]] = {}
    for name, shape in stack.step(0).weights.items():
        declared = f"[{', '.join(map(_plain, cell.weights[name].shape))}]"
        begin = show(cell.init[name].plain()).replace("'", "") if name in cell.init else ""
        groups.setdefault((declared, shape, begin), []).append(name)
    found = []
    for (declared, shape, begin), names in groups.items():
        each = count(product(shape))
        numbers = f"{len(names)} × {each}" if len(names) > 1 else each
        found.append((", ".join(names), declared, " × ".join(map(str, shape)) or "1", numbers, begin))
    return found


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
    given = {**cell.params, **params}
    facts = [("params", ", ".join(f"{k} = {v:g}" for k, v in given.items()))] if given else []
    facts += [("state", ", ".join(f"{name} ({size})" for name, size in step.states.items())),
              ("output", f"{cell.output} ({step.output.size})")]  # fmt: skip
    equations = Text("\n".join("  " + " ".join(str(e.text.value).split()) for e in cell.equations))
    weights = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("weight", "shape", "", "parameters", "begins"):
        weights.add_column(column, justify="right" if column in ("", "parameters") else "left", overflow="fold")
    for row in weight_rows(cell, stack):
        weights.add_row(*map(Text, row))
    each, once = stack.products
    total = sum(prod(shape) for shape in stack.weights.values())
    facts += [("parameters", count(total)), ("multiply-adds", f"{count(each)} a step"
               + (f", {count(once)} once a sequence" if once else ""))]  # fmt: skip
    figures = _pairs(facts)
    ways = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("on", "runs as", "because"):
        ways.add_column(column, overflow="fold", no_wrap=column == "on")
    for where, path, reason in paths(step):
        ways.add_row(Text(where, style="bold"), Text(path, style="green"), Text(reason))
    sizes = f"hidden {hidden}, input {features}" if hidden is not None else f"input {features}"
    return Group(*head, Text(), equations, Text(), Text(sizes, style="dim"), figures, weights,
                 ways, Text(BEGIN, style="dim"))  # fmt: skip


def _check(cell: Cell, hidden: int | None, params: Mapping[str, float]) -> None:
    """`check_use` in the words of the command line."""
    try:
        check_use(cell, hidden, params)
    except NetspecError as error:
        found = []
        for problem in error.problems:
            option = "--" + problem.key[0].replace("params", "param")
            missing = problem.code == "NS204"
            hint = " ".join(f"--param {n}=…" for n, v in cell.params.items() if v is None and n not in params)
            found.append(replace(problem, name=option, hint=f"add `{hint}`" if missing else problem.hint))
        raise NetspecError.of(found) from None


def _pairs(facts: Iterable[tuple[str, str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=False, pad_edge=False)
    for name, text in facts:
        grid.add_row(Text(name, style="bold"), Text(text))
    return grid
