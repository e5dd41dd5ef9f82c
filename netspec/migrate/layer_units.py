"""The axes of one layer that is in both networks: of its inputs, of its outputs, and of units inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netspec.graph.model import Graph, Node
from netspec.layers.weight_axes import Along, Taps, Units, WeightAxes
from netspec.migrate.axes import Axes, Clash, behind, copies, flattened
from netspec.migrate.correspondence import Pair, UnitSpan
from netspec.migrate.follow import Through, merges
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType


def axes_of_weights(graph: Graph, node: Node) -> dict[str, WeightAxes]:
    """What stands along the axes of a node's weights."""
    return node.layer.weight_axes(graph.input_types(node), tuple(node.outputs.values()))


class LayerUnits:
    """The axes of one layer that is in both networks: of its inputs, of its outputs, and of units inside."""

    """A layer of the network `before` and the one of `after` that it is; `ins` are the axes of each input.

    `noted`: axes of which it was told already that units are left out.
    """

    def __init__(
        self,
        axes: Axes,
        before: Graph,
        after: Graph,
        old: Node,
        new: Node,
        ins: Sequence[tuple[int, ...] | None],
        noted: set[int],
    ) -> None:
        self.axes, self.before, self.after, self.old, self.new, self.ins = axes, before, after, old, new, ins
        self.noted = noted
        self.outputs: tuple[int, ...] = ()
        self.inside: dict[str, int] = {}
        self.known: set[int] = set()  # axes of the outputs that something determines
        self.used: set[int] = set()  # axes of the inputs that the layer says how it uses

    def flow(self, axis: int, dimension: int, source: Through | None) -> None:
        """Where the positions of an axis of an output come from."""
        if source is None:
            return
        numbers = [self._input(s.input, s.axis) for s in source.sources]
        if any(number is None for number in numbers):
            return
        parts = [number for number in numbers if number is not None]
        if all(s.shift == 0 for s in source.sources):
            same_size = [n for n in parts if self._sizes(n) == self._sizes(axis)]
            for number in same_size:
                self.axes.tie(axis, number, self.new.name)
            if same_size:
                self.known.add(axis)
                self.used |= set(parts)
            if source.mixed and same_size:
                self._mixed(axis, dimension)
            return
        order = sorted(zip(source.sources, parts, strict=True), key=lambda item: -_number(item[0].shift))
        starts = [-_number(s.shift) for s, _ in order]
        sizes = [_number(self.axes[n].new) for _, n in order]
        if starts == [sum(sizes[:i]) for i in range(len(sizes))] and sum(sizes) == self.axes[axis].new:
            old_sizes = [_number(self.axes[n].old) for _, n in order]
            self.axes.derive(axis, [n for _, n in order], behind(old_sizes), self.new.name)
            self.known.add(axis)
            self.used |= set(parts)

    def _mixed(self, axis: int, dimension: int) -> None:
        """Every position is seen by all of the axis: fine where mean and variance stay."""
        name = self.new.name
        if not self.new.layer.averages:
            self.axes.hold_identity(axis, name, "each of its {new} units is seen by all others, {old} before")
            return
        blocks = max((u.blocks for u in self._mentions() if (u.of, u.axis) == ("output", dimension)), default=1)

        def check() -> Clash | None:
            if not self.axes.numbered(axis):
                return None
            counts = copies(self.axes.positions(axis), blocks).reshape(blocks, -1)
            if (counts == counts[:, :1]).all() and not (self.axes.positions(axis) < 0).any():
                return None
            size = self.axes[axis]
            return Clash(name, f"its mean and variance are over {size.old} -> {size.new} units, not all equally often")

        self.axes.hold(check)

    def _mentions(self) -> list[Units]:
        axes = axes_of_weights(self.after, self.new).values()
        return [u for weight in axes for along in weight if isinstance(along, tuple) for u in along]

    def reshaped(self, before: TensorType, after: TensorType) -> None:
        """Axes that are one axis now: the last moves fastest."""
        if len(self.ins) != 1 or self.ins[0] is None:
            return
        x_old, x_new = self.before.input_types(self.old)[0].shape[1:], self.after.input_types(self.new)[0].shape[1:]
        runs = merges(x_new, after.shape[1:])
        if runs != merges(x_old, before.shape[1:]) or self.used:
            return
        for run in runs:
            if len(run.after) == 1:
                parts = [self.ins[0][i - 1] for i in run.before]
                out = self.outputs[run.after[0] - 1]
                sizes = [self.axes[n].old for n in parts]
                if len(parts) == 1:
                    self.axes.tie(out, parts[0], self.new.name)
                elif all(isinstance(size, int) for size in sizes) and isinstance(self.axes[out].new, int):
                    self.axes.derive(out, parts, flattened([_number(size) for size in sizes]), self.new.name)
                else:
                    continue
                self.known.add(out)
                self.used |= set(parts)

    def number(self, old: Units, new: Units) -> int:
        """The axis that a run of units stands on."""
        if new.of == "output" and new.axis <= len(self.outputs):
            number = self.outputs[new.axis - 1]
            self.known.add(number)
        elif new.of == "input":
            numbers = [n for i in new.inputs if (n := self._input(i, new.axis)) is not None]
            number = numbers[0] if numbers else self.axes.add(old.size, new.size)
            for other in numbers[1:]:
                self.axes.tie(number, other, self.new.name)
            self.used |= set(numbers)
        else:
            number = self.inside.setdefault(new.of, -1)
            if number < 0:
                number = self.inside[new.of] = self.axes.add(old.size, new.size)
        if not new.summed:
            self.axes.hold(lambda: self._left_out(number))
        if (old.blocks, new.blocks) != (1, 1):
            self.axes.cut(number, old.blocks, new.blocks)
            self.axes.hold(lambda: self._in_blocks(number, old, new))
        return number

    def _left_out(self, number: int) -> Clash | None:
        """Whether units of the old layer are not there any more, but for those that the network itself gives out."""
        axis = self.axes[number]
        if (
            not isinstance(axis.old, int)
            or not self.axes.numbered(number)
            or axis.fixed
            or self.axes.root(number) in self.noted
        ):
            return None
        self.noted.add(self.axes.root(number))
        left = axis.old - len({*self.axes.positions(number).tolist()} - {-1})
        return Clash(self.new.name, f"{left} of its {axis.old} units are left out") if left else None

    def _in_blocks(self, number: int, old: Units, new: Units) -> Clash | None:
        """Whether each block of the new units stands for units of one old block."""
        positions = self.axes.positions(number)
        blocks = (positions // (old.size // old.blocks)).reshape(new.blocks, -1)
        if (blocks == blocks[:, :1]).all():
            return None
        return Clash(self.new.name, f"its {old.blocks} blocks of units become {new.blocks} that do not fit into them")

    def along(self, old: WeightAxes | None, new: WeightAxes | None, rank: int) -> tuple[Pair, ...]:
        """Both sides of each axis of a weight; None for a table, or where nothing is said."""
        if old is None or new is None or len(old) != len(new):
            return (None,) * rank
        self._tie_single_channels(old, new)
        return tuple(self._axis(a, b) for a, b in zip(old, new, strict=True))

    def _axis(self, old: Along, new: Along) -> Pair:
        if isinstance(old, Taps) and isinstance(new, Taps):
            return (old, new)
        if isinstance(old, tuple) and isinstance(new, tuple) and [u.of for u in old] == [u.of for u in new]:
            return tuple(UnitSpan(a, b, self.number(a, b)) for a, b in zip(old, new, strict=True))
        return None

    def _tie_single_channels(self, old: WeightAxes, new: WeightAxes) -> None:
        """A depthwise convolution goes from each channel to itself."""
        single = [[u for along in axes if isinstance(along, tuple) for u in along] for axes in (old, new)]
        if all(len(units) == 2 and all(u.blocks == u.size > 1 for u in units) for units in single):
            first, second = (self.number(a, b) for a, b in zip(*single, strict=True))
            self.axes.tie(first, second, self.new.name)

    def hold_the_rest(self, outputs: Iterable[Sequence[int]]) -> None:
        """What the layer says nothing of has to stay as it is."""
        name = self.new.name
        for numbers in self.ins:
            for number in numbers or ():
                if number not in self.used:
                    self.axes.hold_identity(number, name, "it takes {new} units in place of {old} together")
        for number in (number for axes in outputs for number in axes if number not in self.known):
            self.axes.hold_identity(number, name, "its output has {new} positions in place of {old}")

    def _input(self, position: int, axis: int) -> int | None:
        numbers = self.ins[position] if position < len(self.ins) else None
        return numbers[axis - 1] if numbers is not None and axis <= len(numbers) else None

    def _sizes(self, number: int) -> tuple[Size, Size]:
        return self.axes[number].old, self.axes[number].new


def _number(size: Size) -> int:
    return size if isinstance(size, int) else 0
