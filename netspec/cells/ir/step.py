"""One step of a cell as a graph: the record that everything after the equations is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from netspec.cells.ir.dag import Dag, Value
from netspec.cells.language.cell import Cell
from netspec.shapes.dim import Size

DerivedValue = TypeVar("DerivedValue")


@dataclass(frozen=True, eq=False)
class CellStep:
    """One step of a cell: the value of every state after it, the output, and the weights that take part."""

    cell: Cell
    dag: Dag
    sizes: Mapping[str, Size]
    params: Mapping[str, float]
    states: Mapping[str, Size]
    next: Mapping[str, Value]
    output: Value
    weights: Mapping[str, tuple[Size, ...]]
    derived: dict[Callable[[CellStep], Any], Any] = field(init=False, default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle carries nothing derived: it is made again where it is needed."""
        return {**self.__dict__, "derived": {}}

    @property
    def roots(self) -> list[Value]:
        return [*self.next.values(), self.output]

    def once(self, make: Callable[[CellStep], DerivedValue]) -> DerivedValue:
        """What a later room derives from a step: made at the first call, and kept as long as the step.

        `torch.compile` reads it there (`run.direction.prepare` asks for everything first).
        """
        if make not in self.derived:
            self.derived[make] = make(self)
        value: DerivedValue = self.derived[make]
        return value
