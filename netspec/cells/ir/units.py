"""Which vectors of a step run along the same units, and so along which units the axes of its weights run.

Functions, sums and products of vectors go element by element: what they join runs along the same units.  A product
W @ v runs along the rows of W, and sums over the units of v: they are those of the columns of W that it meets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from netspec.cells.ir.dag import Columns, Value, reachable
from netspec.cells.ir.step import CellStep


class UnitRun(NamedTuple):
    """Units behind each other along an axis of a weight: the name of their set, how many, summed over or not."""

    of: str
    size: int
    summed: bool = False


@dataclass(frozen=True)
class StepUnits:
    """Sets of units by name, "input" the elements of x[t]: of each weight's axes, of each state, of the output."""

    weights: Mapping[str, tuple[tuple[UnitRun, ...], ...]]
    states: Mapping[str, str]
    output: str


def units_of(step: CellStep) -> StepUnits:
    """Made once for a step whose sizes are numbers."""
    return step.once(_units_of)


class _Sets:
    """Names of vectors, joined where they run along the same units."""

    def __init__(self) -> None:
        self.joined: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The name that stands for all that are joined with this one."""
        while (above := self.joined.setdefault(name, name)) != name:
            name = above
        return name

    def join(self, a: str, b: str) -> None:
        first, second = sorted((self.root(a), self.root(b)), key=lambda name: (name != "input", name))
        self.joined[second] = first


def _units_of(step: CellStep) -> StepUnits:
    sets = _Sets()
    columns: dict[str, dict[tuple[int, int], str]] = {}  # of a matrix: (start, stop) -> set of units

    def along(value: Value) -> str:
        """The set of units of a vector."""
        if value.op == "input":
            return "input"
        if value.op == "previous":
            return f"state {value.attr}"
        if value.op == "weight":
            return f"rows of {value.attr}"
        if value.op == "product":
            return f"rows of {value.attr.weight}"
        return f"value {value.index}"

    for value in reachable(step.roots):
        if value.op == "product":
            matrix: Columns = value.attr
            assert isinstance(matrix.start, int) and isinstance(matrix.stop, int)  # of a step of numbers
            cut = columns.setdefault(matrix.weight, {})
            sets.join(along(value.args[0]), cut.setdefault((matrix.start, matrix.stop), along(value.args[0])))
        else:
            for arg in value.args:
                if arg.size is not None:
                    sets.join(along(value), along(arg))
    for name, value in step.next.items():
        sets.join(f"state {name}", along(value))
    rows = {
        name: UnitRun(sets.root(f"rows of {name}"), _size(sizes[0])) for name, sizes in step.weights.items() if sizes
    }
    weights: dict[str, tuple[tuple[UnitRun, ...], ...]] = {}
    for name, sizes in step.weights.items():
        runs = sorted(columns.get(name, {}).items())
        summed = tuple(UnitRun(sets.root(of), stop - start, True) for (start, stop), of in runs)
        weights[name] = ((rows[name],), summed)[: len(sizes)] if sizes else ()
    states = {name: sets.root(f"state {name}") for name in step.states}
    return StepUnits(weights, states, sets.root(along(step.output)))


def _size(size: object) -> int:
    assert isinstance(size, int)
    return size
