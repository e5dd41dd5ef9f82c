"""One step of a cell as a graph: the record that everything after the equations is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.cells.ir.dag import Dag, Value
from netspec.cells.language.cell import Cell
from netspec.shapes.dim import Size


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

    @property
    def roots(self) -> list[Value]:
        return [*self.next.values(), self.output]
