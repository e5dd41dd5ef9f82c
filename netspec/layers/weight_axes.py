"""What stands along the axes of a layer's weights: which of them run along the output, and over which a layer sums.

Whoever makes a layer wider, narrower or takes its weights from elsewhere reads it here: a linear layer's W is
(output, input summed), so that a unit of the output is a row, and one of the input a column.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Units:
    """A run of positions along an axis of a weight, one for each of `size` units.

    `of`: "output" and "input" are the positions of that `axis` (the batch is axis 0) of the only output, or of each of
    `inputs`; any other name is a set of units that the layer has inside, such as those of a recurrent state.
    `summed`: the layer adds up products over the units, within each block, and multiplies the sum by `gain`.
    `blocks`: the units are so many equal blocks that do not mix: groups of channels, heads.
    `within`: the axis has the positions of one block, that of the other axis's position.
    `rows`: so many positions, in a row, stand for each unit.
    """

    of: str
    size: int
    axis: int = 1
    inputs: tuple[int, ...] = (0,)
    summed: bool = False
    blocks: int = 1
    within: bool = False
    rows: int = 1
    gain: float = 1.0

    @property
    def length(self) -> int:
        """How many positions of the weight's axis they take."""
        return self.size * self.rows // (self.blocks if self.within else 1)


@dataclass(frozen=True, slots=True)
class Taps:
    """The positions of a kernel: tap t meets what stands `first` + `step`·t from where the window is put."""

    length: int
    first: int
    step: int

    def offsets(self) -> list[int]:
        """Where each tap looks."""
        return [self.first + self.step * tap for tap in range(self.length)]


# Along one axis: runs of units behind each other, the taps of a kernel, or entries of a table, which stand for nothing
# that a neighbour knows.
Along = tuple[Units, ...] | Taps | None
WeightAxes = tuple[Along, ...]
