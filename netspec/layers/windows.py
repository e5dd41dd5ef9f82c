"""Windows that slide along the axes behind the channels: sizes per axis, output sizes, receptive fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from netspec.layers.axes import times
from netspec.layers.base import Layer, Reach, Reaches, bad_input
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Count, Positive

# A number for every axis, or one number an axis.
Positive2: TypeAlias = Positive | tuple[Positive, Positive]
Positive3: TypeAlias = Positive | tuple[Positive, Positive, Positive]
Count2: TypeAlias = Count | tuple[Count, Count]
Count3: TypeAlias = Count | tuple[Count, Count, Count]

AXES = {1: "(B, C, L)", 2: "(B, C, H, W)", 3: "(B, C, D, H, W)"}


@dataclass(frozen=True, slots=True)
class Window:
    """A window along one axis: output i reads stride·i − before + dilation·t for t in 0 … kernel − 1."""

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """How many positions it spans."""
        return self.dilation * (self.kernel - 1) + 1

    def room(self, size: Size) -> Size:
        """How far it can move; negative when it does not fit."""
        return size + self.before + self.after - self.span

    def outputs(self, size: Size) -> Size:
        """How many positions it takes."""
        return self.room(size) // self.stride + 1

    def reach(self, reach: Reach | None) -> Reach | None:
        return reach and reach.window(-self.before, self.span - 1 - self.before, self.stride)


def per_axis(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One number for each axis."""
    return (value,) * count if isinstance(value, int) else tuple(value)


def slide(layer: Layer, x: TensorType, windows: Sequence[Window], padding: object) -> tuple[Size, ...]:
    """The sizes that windows leave of the axes behind the channels.  Raises NS403 when one does not fit."""
    sizes = x.shape[2:]
    for size, window in zip(sizes, windows, strict=True):
        room = window.room(size)
        if isinstance(room, int) and room < 0:
            kernel = brief([w.kernel for w in windows])
            dilation = brief([w.dilation for w in windows])
            spread = f" and dilation {dilation}" if dilation != "1" else ""
            pad = times(padding) if isinstance(padding, tuple) else padding
            raise bad_input(
                "NS403",
                f"{layer.kind} kernel {kernel} does not fit an input of {times(sizes)} with padding {pad}{spread}",
                f"the kernel spans {window.span}, the axis of {size} needs {-room} more: use a smaller kernel, more "
                "padding, or less stride before this layer",
            )
    return tuple(window.outputs(size) for size, window in zip(sizes, windows, strict=True))


def slide_reach(reach: Reaches, windows: Sequence[Window]) -> Reaches:
    """The reach behind windows along the last axes."""
    first = len(reach) - len(windows)
    return (*reach[:first], *(w.reach(r) for w, r in zip(windows, reach[first:], strict=True)))


def brief(values: Sequence[int]) -> str:
    """`3` when all are 3, else `3x5`."""
    return str(values[0]) if len(set(values)) == 1 else times(values)
