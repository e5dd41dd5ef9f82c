"""How many numbers a cell learns, as a formula of its sizes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from netspec.cells.language.cell import Cell
from netspec.cells.language.sizes import side_of
from netspec.shapes.dim import Dim, Quotient, Size, product, symbol

_POWERS = {2: "²", 3: "³"}


def parameters(cell: Cell) -> Size:
    """How many numbers are learned, where the input has another size than the hidden one."""
    total: Size = 0
    for weight in cell.weights.values():
        total = total + symbolic_size(cell, weight.shape)
    return total


def symbolic_size(cell: Cell, shape: tuple[Any, ...]) -> Size:
    """The product of extents, in the names of a cell's sizes."""
    names = {name: symbol(name) for name in ("hidden", "input", *cell.params)}
    return product(tuple(side_of(e, names) for e in shape))


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


def _letter(atom: str | Quotient) -> str:
    if isinstance(atom, Quotient):
        return f"⌊{formula(atom.numerator)} / {atom.denominator}⌋"
    return {"hidden": "H", "input": "I"}.get(atom, atom)
