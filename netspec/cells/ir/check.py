"""What is wrong with a cell whatever its sizes are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from netspec.cells.ir.lower import CellLowering
from netspec.cells.language.cell import SIZES, Cell
from netspec.cells.language.sizes import choices, side_of
from netspec.shapes.dim import Dim, Size, symbol
from netspec.source.errors import NetspecError, Problem, Problems

MAX_WORLDS = 16


def check_cell(cell: Cell, broken: Collection[str] = ()) -> list[Problem]:
    """NS321 to NS329 and NS41x of the equations, NS326 for what nothing reads; sizes are symbols.

    `broken` are names whose declaration or equation is reported: what reads them is not looked at further.  Both
    branches of a choice by sizes are: in one world all names differ, in the others one condition holds.
    """
    problems: dict[tuple[str, object], Problem] = {}
    used: set[str] = set()
    for world in _worlds(cell):
        lowering = CellLowering(cell, world, cell.params, broken)
        lowering.run()
        used |= lowering.names.used
        for problem in lowering.problems:
            problems.setdefault((problem.code, problem.span), problem)
    return list(problems.values()) or ([] if broken else _unused(cell, used))


def _worlds(cell: Cell) -> list[dict[str, Size | float | None]]:
    general: dict[str, Size | float | None] = {name: symbol(name) for name in (*SIZES, *cell.params)}
    general |= {
        n: v for n, v in cell.params.items() if v is not None and v != int(v)
    }  # no size: reported where it is used as one
    worlds = {tuple(general.items()): general}
    for choice in choices(cell):
        try:
            left, right = side_of(choice.left, general), side_of(choice.right, general)
        except NetspecError:  # reported when the equation is lowered
            continue
        world = _where_equal(general, left, right) or _where_equal(general, right, left)
        if world and len(worlds) < MAX_WORLDS:
            worlds[tuple(world.items())] = world
    return [dict(world) for world in worlds.values()]


def _where_equal(
    world: Mapping[str, Size | float | None], left: Size, right: Size
) -> dict[str, Size | float | None] | None:
    """The world with `left`, when it is a name, put at `right`; None where that does not solve left = right."""
    name = str(left)
    inside = right.names() if isinstance(right, Dim) else set()
    if name not in world or name in inside or (isinstance(right, int) and right < 1):
        return None
    return {**world, name: right}


def _unused(cell: Cell, used: set[str]) -> list[Problem]:
    problems = Problems()
    for name, weight in cell.weights.items():
        if name not in used:
            problems.append(
                Problem(
                    "NS326",
                    f"weight `{name}` of cell `{cell.name}` is in no equation",
                    weight.span,
                    "remove it, or use it",
                )
            )
    for equation in cell.equations:
        target = equation.target
        if not target.time and target.name not in used and target.name != cell.output:
            problems.append(
                Problem(
                    "NS326",
                    f"nothing reads `{target.name}`",
                    target.part.span,
                    "remove the equation, or use the value",
                )
            )
    return list(problems)
