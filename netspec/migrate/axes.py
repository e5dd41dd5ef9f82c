"""Which position of an old axis each position of a new one stands for, for all axes that have to agree at once.

An `AxisPair` is an axis of an activation, or a set of units inside of a layer, in both networks.  Layers tie axes: what
is summed element by element is widened alike.  An axis that nothing determines is widened by repetition: position i of
n′ stands for i mod n, within each of its blocks (Net2WiderNet, Chen et al. 2016, arXiv:1511.05641, in a fixed order).
The same rule makes an axis narrower: the first n′ positions are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from netspec.shapes.dim import Size

Positions: TypeAlias = NDArray[np.int64]
Derive = Callable[[Sequence[Positions]], Positions]


def repeated(old: int, new: int, old_blocks: int = 1, new_blocks: int = 1) -> Positions:
    """i mod n in each block, blocks over again where there are more: the positions of n for n′ of them."""
    if old == new:
        return np.arange(new)
    old_block, new_block = old // old_blocks, new // new_blocks
    position = np.arange(new)
    return (position // new_block % old_blocks) * old_block + position % new_block % old_block


def leading(old: int, new: int) -> Positions:
    """Position i stands for i, and those beyond the old ones for nothing: a table, an input, an output."""
    position = np.arange(new)
    return np.where(position < old, position, -1)


def behind(sizes: Sequence[int]) -> Derive:
    """Axes of these old sizes behind each other."""

    def derive(parts: Sequence[Positions]) -> Positions:
        starts = np.cumsum([0, *sizes[:-1]])
        return np.concatenate([np.where(p < 0, -1, p + start) for p, start in zip(parts, starts, strict=True)])

    return derive


def flattened(sizes: Sequence[int]) -> Derive:
    """Axes of these old sizes as one, the last moving fastest."""

    def derive(parts: Sequence[Positions]) -> Positions:
        total = np.zeros((), dtype=np.int64)
        none = np.zeros((), dtype=bool)
        for positions, size in zip(parts, sizes, strict=True):
            total = total[..., None] * size + positions
            none = none[..., None] | (positions < 0)
        return np.where(none, -1, total).reshape(-1)

    return derive


def copies(positions: Positions, blocks: int = 1) -> Positions:
    """How often the old position of each new one is stood for in its block; 1 where it stands for none."""
    counts = np.ones_like(positions)
    size = len(positions) // blocks
    for start in range(0, len(positions), size):
        block = positions[start : start + size]
        _, inverse, count = np.unique(block, return_inverse=True, return_counts=True)
        counts[start : start + size] = np.where(block < 0, 1, count[inverse])
    return counts


def is_identity(positions: Positions, old: int) -> bool:
    """Whether nothing is moved, repeated or left out."""
    return len(positions) == old and bool((positions == np.arange(old)).all())


@dataclass(frozen=True)
class Clash:
    """Two layers that want an axis otherwise: `layer` says why it cannot be."""

    layer: str
    why: str


@dataclass
class AxisPair:
    """One axis in both networks; sizes that are no numbers are the same in both."""

    old: Size
    new: Size
    blocks: tuple[int, int] = (1, 1)  # of the old and the new one
    fixed: list[tuple[Positions, str]] | None = None  # with the layer that fixes it
    derived: list[tuple[Sequence[int], Derive, str]] | None = None


class Axes:
    """All axes of a migration, by number."""

    def __init__(self) -> None:
        self.axes: list[AxisPair] = []
        self.above: list[int] = []
        self.checks: list[Callable[[], Clash | None]] = []
        self._positions: dict[int, Positions] = {}

    def add(self, old: Size, new: Size) -> int:
        self.axes.append(AxisPair(old, new))
        self.above.append(len(self.above))
        return len(self.axes) - 1

    def root(self, number: int) -> int:
        while self.above[number] != number:
            number = self.above[number]
        return number

    def __getitem__(self, number: int) -> AxisPair:
        return self.axes[self.root(number)]

    def tie(self, first: int, second: int, layer: str) -> None:
        """Both stand for the same positions from now on; another size is another axis."""
        a, b = self.root(first), self.root(second)
        if a == b:
            return
        axis, second_axis = self.axes[a], self.axes[b]
        if (axis.old, axis.new) != (second_axis.old, second_axis.new):
            self.checks.append(
                lambda: Clash(
                    layer, f"it joins an axis {axis.old} -> {axis.new} with one {second_axis.old} -> {second_axis.new}"
                )
            )
            return
        self.above[b] = a
        axis.blocks = max(axis.blocks, second_axis.blocks)
        axis.fixed = [*(axis.fixed or ()), *(second_axis.fixed or ())] or None
        axis.derived = [*(axis.derived or ()), *(second_axis.derived or ())] or None

    def fix(self, number: int, positions: Positions, layer: str) -> None:
        axis = self[number]
        axis.fixed = [*(axis.fixed or ()), (positions, layer)]

    def derive(self, number: int, parts: Sequence[int], rule: Derive, layer: str) -> None:
        """The axis is made of others."""
        axis = self[number]
        axis.derived = [*(axis.derived or ()), (tuple(parts), rule, layer)]

    def cut(self, number: int, old_blocks: int, new_blocks: int) -> None:
        """The axis is so many equal blocks in each network; blocks of one unit are no bond."""
        axis = self[number]
        if old_blocks != axis.old:
            axis.blocks = max(axis.blocks, (old_blocks, new_blocks))

    def hold(self, check: Callable[[], Clash | None]) -> None:
        """What has to be so once all positions are known."""
        self.checks.append(check)

    def hold_identity(self, number: int, layer: str, why: str) -> None:
        """The layer needs every position where it was."""

        def check() -> Clash | None:
            axis = self[number]
            if isinstance(axis.old, int) and isinstance(axis.new, int):
                same = is_identity(self.positions(number), axis.old)
            else:
                same = axis.old == axis.new
            return None if same else Clash(layer, why.format(old=axis.old, new=axis.new))

        self.checks.append(check)

    def numbered(self, number: int) -> bool:
        """Whether both sizes of an axis are numbers."""
        axis = self[number]
        return isinstance(axis.old, int) and isinstance(axis.new, int)

    def positions(self, number: int) -> Positions:
        """Of an axis whose sizes are numbers; one in a circle of axes begins by repetition."""
        root = self.root(number)
        if root not in self._positions:
            axis = self.axes[root]
            assert isinstance(axis.old, int) and isinstance(axis.new, int)
            self._positions[root] = repeated(axis.old, axis.new, *axis.blocks)
            if axis.fixed:
                self._positions[root] = axis.fixed[0][0]
            elif axis.derived:
                parts, rule, _ = axis.derived[0]
                self._positions[root] = rule([self.positions(part) for part in parts])
        return self._positions[root]

    def clashes(self) -> list[Clash]:
        """What cannot be as every layer wants it, once all layers have said it."""
        clashes = [clash for check in self.checks if (clash := check()) is not None]
        for number in {self.root(i) for i in range(len(self.axes))}:
            axis = self.axes[number]
            wanted = [(positions, layer) for positions, layer in axis.fixed or ()]
            wanted += [(rule([self.positions(p) for p in parts]), layer) for parts, rule, layer in axis.derived or ()]
            for positions, layer in wanted:
                if not np.array_equal(positions, self.positions(number)):
                    clashes.append(
                        Clash(layer, f"its units {axis.old} -> {axis.new} are put together otherwise elsewhere")
                    )
        return clashes
