"""A cell as several layers and directions: the names and shapes of its weights, the layout of its states.

A row is one layer in one direction; rows are in torch's order, the reverse direction of a layer behind the forward one.
Packed states are (B, rows, width): each row has the cell's states behind each other in the order of their declaration.
Where a state has the size of the layer's input, rows differ in length, and a shorter one ends in zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from netspec.cells.ir.dag import width_of
from netspec.cells.ir.schedule import Stretch, schedule_of
from netspec.cells.ir.step import CellStep
from netspec.cells.ir.use import use
from netspec.cells.language.cell import Cell


@dataclass(frozen=True)
class CellStack:
    """The steps of a cell in `num_layers` layers, the first with `features` inputs."""

    cell: Cell
    hidden: int | None
    features: int
    params: tuple[tuple[str, float], ...] = ()
    num_layers: int = 1
    bidirectional: bool = False

    def __deepcopy__(self, memo: object) -> CellStack:
        return self  # nothing in it changes, and what is derived from its steps is kept with them

    @cached_property
    def steps(self) -> tuple[CellStep, ...]:
        """One for each layer, the same where inputs are as large; both directions of a layer have the same."""
        steps: list[CellStep] = []
        features = self.features
        for _ in range(self.num_layers):
            same = steps and steps[-1].sizes["input"] == features
            steps.append(steps[-1] if same else use(self.cell, self.hidden, features, dict(self.params)))
            features = number(steps[-1].output.size) * self.directions
        return tuple(steps)

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def rows(self) -> int:
        return self.num_layers * self.directions

    @property
    def output(self) -> int:
        """Features of the whole: both directions of the last layer."""
        return number(self.steps[-1].output.size) * self.directions

    def step(self, row: int) -> CellStep:
        return self.steps[row // self.directions]

    def suffix(self, row: int) -> str:
        """What torch puts behind the names of a row's weights."""
        return f"_l{row // self.directions}" + ("_reverse" if row % self.directions else "")

    def names(self, row: int) -> dict[str, str]:
        """Weight of the cell -> name of the tensor, those of one row."""
        return {name: name + self.suffix(row) for name in self.step(row).weights}

    @cached_property
    def weights(self) -> dict[str, tuple[int, ...]]:
        """All tensors and their shapes, in torch's order."""
        return {
            full: tuple(map(number, self.step(row).weights[name]))
            for row in range(self.rows)
            for name, full in self.names(row).items()
        }

    def sizes(self, row: int) -> dict[str, int]:
        """State -> size, in one row."""
        return {name: number(size) for name, size in self.step(row).states.items()}

    @cached_property
    def states(self) -> dict[str, int]:
        """State -> its size in the row where it is largest."""
        return {name: max(self.sizes(row)[name] for row in range(self.rows)) for name in self.cell.states}

    @cached_property
    def width(self) -> int:
        """Elements of the longest row of packed states."""
        return max(sum(self.sizes(row).values()) for row in range(self.rows))

    @cached_property
    def products(self) -> tuple[int, int]:
        """Multiply-adds of the matrix products of one sample: at each step, and once for the sequence (W @ weight)."""
        each, once = 0, 0
        for step in self.steps:
            schedule = schedule_of(step)
            for product in (p for group in schedule.groups() for p in group.products):
                cost = width_of(product) * width_of(product.args[0]) * self.directions
                if schedule.stretch[product] is Stretch.FIXED:
                    once += cost
                else:
                    each += cost
        return each, once


@lru_cache(maxsize=256)
def stack_of(
    cell: Cell,
    hidden: int | None,
    features: int,
    params: tuple[tuple[str, float], ...] = (),
    num_layers: int = 1,
    bidirectional: bool = False,
) -> CellStack:
    """The stack of these sizes, made once.  Raises what `use` finds wrong, when its steps are first asked for."""
    return CellStack(cell, hidden, features, params, num_layers, bidirectional)


def sorted_params(params: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Parameters in a form that can be compared and hashed."""
    return tuple(sorted(params.items()))


def number(size: object) -> int:
    """A size of a step whose sizes are numbers."""
    assert isinstance(size, int)  # `use` was given numbers
    return size
