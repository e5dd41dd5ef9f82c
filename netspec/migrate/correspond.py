"""What each tensor of a new network is made from: both networks are walked together, layer by layer.

An output of the new network stands for one of the old when it holds the same values, its axes perhaps wider.  A layer
that is in both and reads what stands for what it read before gives out what it gave before; an added layer that begins
as the identity stands for what it reads.  Where that ends, and why, is noted, and the walk goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netspec.graph.model import Graph, Input, Node, Ref
from netspec.layers.weight_axes import Along, Taps, Units, WeightAxes
from netspec.migrate.axes import Axes, Clash, behind, copies, flattened, leading
from netspec.migrate.begin import Beginner, Fill
from netspec.migrate.follow import Through, merges, through
from netspec.review.difference import Matching
from netspec.review.match import weight_pairs
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType


@dataclass(frozen=True)
class Span:
    """A run of units along an axis of a weight, in the old and in the new network, and the number of their axis."""

    old: Units
    new: Units
    axis: int


# Both sides of an axis of a weight: runs of units, or taps; None for entries of a table, and where nothing is said.
Pair = tuple[Span, ...] | tuple[Taps, Taps] | None


@dataclass(frozen=True)
class Made:
    """A tensor of the new network that is made from one of the old: along each axis its units, its taps, or entries."""

    name: str
    old: str
    along: tuple[Pair, ...]
    padding: int | None = None  # an entry of a table that stays as it begins


@dataclass(frozen=True)
class Placed:
    """What an output of the new network stands for: one of the old, and the numbers of the axes behind the batch."""

    ref: Ref
    axes: tuple[int, ...]


@dataclass
class Correspondence:
    """`made` and `filled` are tensors of the new network by name; what is in neither begins as it would anyhow."""

    before: Graph
    after: Graph
    axes: Axes = field(default_factory=Axes)
    made: dict[str, Made] = field(default_factory=dict)
    filled: dict[str, tuple[Fill, str]] = field(default_factory=dict)  # with what it does there
    inputs: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)  # new name -> old name, axes
    outputs: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    breaks: dict[str, str] = field(default_factory=dict)  # layer -> why the function ends there
    doubts: dict[str, str] = field(default_factory=dict)  # layer -> what may change the function


def correspond(matching: Matching) -> Correspondence:
    """Walk both networks."""
    walk = _Walk(matching)
    walk.run()
    return walk.result


class _Walk:
    def __init__(self, matching: Matching) -> None:
        self.before, self.after = matching.before, matching.after
        self.matching = matching
        self.old_name = {new: old for old, new in matching.names.items()}
        self.old_input = {new: old for old, new in matching.inputs.items()}
        self.old_output = {new: old for old, new in matching.outputs.items()}
        self.result = Correspondence(self.before, self.after)
        self.axes = self.result.axes
        self.placed: dict[Ref, Placed] = {}
        self.unplaced: dict[Ref, tuple[str, str]] = {}  # the layer, and why it stands for nothing
        self.noted: set[int] = set()  # axes whose lost units are told of a layer before
        added = {node.name for node in self.after.layers() if node.name not in self.old_name}
        self.beginner = Beginner(self.after, added)

    def run(self) -> None:
        for node in self.after.nodes():
            if isinstance(node.layer, Input):
                self._input(node)
            elif node.name in self.old_name:
                self._matched(self.before[self.old_name[node.name]], node)
            else:
                self._added(node)
        for name, ref in self.after.outputs.items():
            self._output(name, ref)
        for clash in self.axes.clashes():
            self.result.breaks.setdefault(clash.layer, clash.why)

    # what goes in and comes out

    def _input(self, node: Node) -> None:
        old = self.old_input.get(node.name)
        if old is None or self.before.inputs[old].rank != node.type.rank:
            self.unplaced[Ref(node.name)] = (node.name, "it is a new input")
            return
        axes = self._new_axes(self.before.inputs[old], node.type)
        for axis in axes:
            self._fix(axis, node.name)
        self.placed[Ref(node.name)] = Placed(Ref(old), axes)
        self.result.inputs[node.name] = (old, axes)

    def _output(self, name: str, ref: Ref) -> None:
        old = self.old_output.get(name)
        if old is None:
            return
        placed = self._expected(ref, self.before.outputs[old], f"output {name}")
        if placed is not None:
            for axis in placed.axes:
                self._fix(axis, f"output {name}")
            self.result.outputs[name] = (old, placed.axes)

    def _fix(self, axis: int, layer: str) -> None:
        old, new = self.axes[axis].old, self.axes[axis].new
        if isinstance(old, int) and isinstance(new, int):
            self.axes.fix(axis, leading(old, new), layer)
        else:
            self.axes.hold_identity(axis, layer, "its axis {old} is {new} now")

    def _new_axes(self, old: TensorType, new: TensorType) -> tuple[int, ...]:
        return tuple(self.axes.add(a, b) for a, b in zip(old.shape[1:], new.shape[1:], strict=True))

    def _expected(self, ref: Ref, old: Ref, reader: str) -> Placed | None:
        """What a value stands for, which should be this one of the old network; what is wrong is noted."""
        placed, wanted = self.placed.get(ref), self._source(old)
        if placed is not None and placed.ref == wanted:
            return placed
        if placed is None:
            layer, why = self.unplaced.get(ref, (reader, "it reads a value of which nothing is known"))
            self.result.breaks.setdefault(layer, why)
        else:
            self.result.breaks.setdefault(reader, f"it reads what `{placed.ref}` gave, and read `{wanted}` before")
        return None

    def _source(self, ref: Ref) -> Ref:
        """The value of the old network that this one is at inference, past dropout and identities."""
        node = self.before[ref.node]
        while node.layer.identity or node.layer.trained_only:
            ref = node.inputs[0]
            node = self.before[ref.node]
        return ref

    # layers that are in the new network alone

    def _added(self, node: Node) -> None:
        known = {i: placed for i, ref in enumerate(node.inputs) if (placed := self.placed.get(ref))}
        out = Ref(node.name)
        if len(node.inputs) == 1:
            if not known:
                self.unplaced[out] = self.unplaced.get(node.inputs[0], (node.name, "it reads a new value"))
            elif node.layer.identity or node.layer.trained_only:
                self.placed[out] = known[0]
                self.beginner.samples.same[out] = node.inputs[0]
            elif (fills := self.beginner.as_identity(node)) is not None:
                self.placed[out] = known[0]
                self._fill(node.name, fills, "as the identity")
            else:
                self.unplaced[out] = (node.name, "it is new and cannot begin as the identity")
        else:
            trunk = next((i for i in self._trunks(node, known) if self._branches_are_zero(node, [i])), None)
            if trunk is not None:
                self.placed[out] = known[trunk]
            else:
                why = "it is new, and joins what was there" if known else "it is new, and joins what is new"
                self.unplaced[out] = (node.name, why)
        for port in node.outputs:
            self.unplaced.setdefault(Ref(node.name, port), (node.name, "it is new"))

    def _trunks(self, node: Node, known: Mapping[int, Placed]) -> list[int]:
        """Which inputs of a new layer may be what was there, where all others may begin as zero."""
        if len({placed.ref for placed in known.values()}) != 1:
            return []
        return sorted(known, key=lambda i: node.inputs[i].node not in self.old_name)

    def _branches_are_zero(self, node: Node, trunk: Sequence[int]) -> bool:
        """Let the other inputs of a layer begin as zero, where it gives out those of the trunk then."""
        if any(self.after.type_of(node.inputs[i]) != node.outputs.get("") for i in trunk):
            return False
        if not self.beginner.passes(node, trunk):
            return False
        zeros = [self.beginner.as_zero(ref) for i, ref in enumerate(node.inputs) if i not in trunk]
        if any(zero is None for zero in zeros):
            return False
        for layer, fills in filter(None, zeros):
            self._begin_anyhow(layer)
            self._fill(layer, fills, "as zero, at the end of its branch")
        if len(trunk) == 1:
            self.beginner.samples.same[Ref(node.name)] = node.inputs[trunk[0]]
        return True

    def _begin_anyhow(self, last: str) -> None:
        """The layers that only lead to this one, which begins as zero, need not be the identity."""
        branch = {last}
        for name in reversed([node.name for node in self.after.layers() if node.name in self.beginner.added]):
            readers = self.after.consumers(name)
            if readers and branch.issuperset(readers) and not any(r.node == name for r in self.after.outputs.values()):
                branch.add(name)
        for name in branch:
            for weight in self.after.weights_of(self.after[name]):
                self.result.filled.pop(f"{name}.{weight}", None)

    def _fill(self, layer: str, fills: Mapping[str, Fill], how: str) -> None:
        self.result.filled.update({f"{layer}.{name}": (fill, how) for name, fill in fills.items()})

    # layers that are in both

    def _matched(self, old: Node, new: Node) -> None:
        ins = self._read(old, new)
        axes_of = _Units(self, old, new, ins)
        outs = self._given(old, new, ins, axes_of)
        self._weights(old, new, axes_of)
        axes_of.hold_the_rest(outs.values())
        why = changed(old, new, self.before, self.after)
        if why:
            self.result.doubts.setdefault(new.name, why)
        for port, axes in outs.items():
            self.placed[Ref(new.name, port)] = Placed(self._source(Ref(old.name, port)), axes)

    def _read(self, old: Node, new: Node) -> list[tuple[int, ...] | None]:
        """The axes of each input; None for one that the old layer did not have."""
        refs = list(new.inputs)
        kept = list(range(len(refs)))
        if len(refs) > len(old.inputs):
            kept = [i for i, ref in enumerate(refs) if ref in self.placed]
            if len(kept) != len(old.inputs) or not self._branches_are_zero(new, kept):
                self.result.breaks.setdefault(new.name, f"it reads {_values(len(refs))}, {len(old.inputs)} before")
                kept = list(range(len(old.inputs)))
        elif len(refs) < len(old.inputs):
            self.result.breaks.setdefault(new.name, f"it reads {_values(len(refs))}, {len(old.inputs)} before")
        ins: list[tuple[int, ...] | None] = [None] * len(refs)
        for position, old_ref in zip(kept, old.inputs, strict=False):
            ref = refs[position]
            before, after = self.before.type_of(old_ref), self.after.type_of(ref)
            placed = self._expected(ref, old_ref, new.name)
            if placed is not None and len(placed.axes) == after.rank - 1:
                ins[position] = placed.axes
            elif before.rank == after.rank:
                ins[position] = self._new_axes(before, after)
        return ins

    def _given(
        self, old: Node, new: Node, ins: Sequence[tuple[int, ...] | None], units: _Units
    ) -> dict[str, tuple[int, ...]]:
        """Port -> the axes of that output."""
        main = next(iter(new.outputs))
        sources = through(self.after, new)
        given: dict[str, tuple[int, ...]] = {}
        for port, type_ in new.outputs.items():
            before = old.outputs.get(port)
            if before is None or before.rank != type_.rank:
                self.unplaced[Ref(new.name, port)] = (new.name, "it gives out a tensor of other axes")
                continue
            axes = self._new_axes(before, type_)
            given[port] = axes
            if port == main:
                units.outputs = axes
            for i, axis in enumerate(axes):
                source = sources[i] if port == main or "" not in new.outputs else None
                units.flow(axis, i + 1, source if source is not None and source.exact else None)
            if port == main and new.layer.view:
                units.reshaped(before, type_)
        for port, runs in new.layer.output_units(self.after.input_types(new)).items():
            old_runs = old.layer.output_units(self.before.input_types(old)).get(port, ())
            if port in given and [u.of for u in runs] == [u.of for u in old_runs]:
                parts = [units.number(a, b) for a, b in zip(old_runs, runs, strict=True)]
                self.axes.derive(given[port][-1], parts, behind([u.size for u in old_runs]), new.name)
                units.known.add(given[port][-1])
        return given

    def _weights(self, old: Node, new: Node, units: _Units) -> None:
        old_axes = _weight_axes(self.before, old)
        new_axes = _weight_axes(self.after, new)
        old_weights, new_weights = self.before.weights_of(old), self.after.weights_of(new)
        old_name = {its: mine for mine, its in weight_pairs(self.matching, old.name).items()}
        for name, weight in new_weights.items():
            was = old_name.get(name, name)
            owner = self.after.owner(new, name)
            full = f"{owner}.{name}"
            if was not in old_weights:
                if owner == new.name and weight.trainable and new.layer.weighted and len(weight.shape) == 1:
                    self._fill(new.name, {name: lambda tensor: tensor.zero_()}, "as zero, which adds nothing")
                else:
                    self.result.doubts.setdefault(new.name, f"`{name}` is new")
                continue
            along = units.along(old_axes.get(was), new_axes.get(name), len(weight.shape))
            if len(old_weights[was].shape) != len(weight.shape):
                continue
            padding = getattr(new.layer, "padding_idx", None)
            padding = None if padding == getattr(old.layer, "padding_idx", None) else padding
            made = Made(full, f"{self.before.owner(old, was)}.{was}", along, padding)
            if owner == new.name:
                self.result.made[full] = made
            elif full in self.result.made:
                self._hold_shared(self.result.made[full], made, new.name, owner)
        if lost := [name for name in old_weights if name not in new_weights and name not in old_name.values()]:
            self.result.doubts.setdefault(new.name, f"it has no {' and no '.join(f'`{n}`' for n in lost)} any more")

    def _hold_shared(self, made: Made, other: Made, layer: str, owner: str) -> None:
        """A weight of two layers is the same for both."""
        for mine, its in zip(other.along, made.along, strict=False):
            for a, b in zip(_spans(mine), _spans(its), strict=False):
                self.axes.tie(a.axis, b.axis, layer)

                def check(a: Span = a, b: Span = b) -> Clash | None:
                    repeats = copies(self.axes.positions(a.axis)).max() > 1
                    if not repeats or a.new.summed == b.new.summed:
                        return None
                    return Clash(layer, f"it shares the weight of `{owner}`, and one of both would have to be divided")

                self.axes.hold(check)


def _spans(along: Pair) -> list[Span]:
    return [item for item in along or () if isinstance(item, Span)]


def _weight_axes(graph: Graph, node: Node) -> dict[str, WeightAxes]:
    return node.layer.weight_axes(graph.input_types(node), tuple(node.outputs.values()))


class _Units:
    """The axes of one layer that is in both networks: of its inputs, of its outputs, and of units inside."""

    def __init__(self, walk: _Walk, old: Node, new: Node, ins: Sequence[tuple[int, ...] | None]) -> None:
        self.axes, self.old, self.new, self.ins = walk.axes, old, new, ins
        self.noted = walk.noted
        self.before, self.after = walk.before, walk.after
        self.outputs: tuple[int, ...] = ()
        self.inside: dict[str, int] = {}
        self.known: set[int] = set()  # axes of the outputs that something determines
        self.used: set[int] = set()  # axes of the inputs that the layer says how it uses
        self.blocks = 1

    def flow(self, axis: int, place: int, source: Through | None) -> None:
        """Where the positions of an axis of an output come from."""
        if source is None:
            return
        numbers = [self._input(s.input, s.axis) for s in source.sources]
        if any(number is None for number in numbers):
            return
        parts = [number for number in numbers if number is not None]
        if all(s.shift == 0 for s in source.sources):
            whole = [n for n in parts if self._sizes(n) == self._sizes(axis)]
            for number in whole:
                self.axes.tie(axis, number, self.new.name)
            if whole:
                self.known.add(axis)
                self.used |= set(parts)
            if source.mixed and whole:
                self._mixed(axis, place)
            return
        order = sorted(zip(source.sources, parts, strict=True), key=lambda item: -_number(item[0].shift))
        starts = [-_number(s.shift) for s, _ in order]
        sizes = [_number(self.axes[n].new) for _, n in order]
        if starts == [sum(sizes[:i]) for i in range(len(sizes))] and sum(sizes) == self.axes[axis].new:
            old_sizes = [_number(self.axes[n].old) for _, n in order]
            self.axes.derive(axis, [n for _, n in order], behind(old_sizes), self.new.name)
            self.known.add(axis)
            self.used |= set(parts)

    def _mixed(self, axis: int, place: int) -> None:
        """Every position is seen by all of the axis: fine where mean and variance stay."""
        name = self.new.name
        if not self.new.layer.averages:
            self.axes.hold_identity(axis, name, "each of its {new} units is seen by all others, {old} before")
            return
        blocks = max((u.blocks for u in self._mentions() if (u.of, u.axis) == ("output", place)), default=1)

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
        axes = _weight_axes(self.after, self.new).values()
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
            return tuple(Span(a, b, self.number(a, b)) for a, b in zip(old, new, strict=True))
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


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _number(size: Size) -> int:
    return size if isinstance(size, int) else 0


def changed(old: Node, new: Node, before: Graph, after: Graph) -> str:
    """What a layer computes otherwise, as far as its weights do not follow it; empty where nothing."""
    if old.kind != new.kind:
        return f"type {old.kind} -> {new.kind}"
    if new.layer.trained_only:
        return ""
    old_axes, new_axes = _weight_axes(before, old), _weight_axes(after, new)
    followed: set[tuple[object, object]] = set()
    taps_follow = True
    for name in old_axes.keys() & new_axes.keys():
        for a, b in zip(old_axes[name], new_axes[name], strict=False):
            if isinstance(a, tuple) and isinstance(b, tuple):
                for u, v in zip(a, b, strict=False):
                    followed |= {(u.size, v.size)} | ({(u.blocks, v.blocks)} if u.size != v.size else set())
            elif isinstance(a, Taps) and isinstance(b, Taps):
                taps_follow = taps_follow and set(a.offsets()) <= set(b.offsets())
    for name, weight in before.weights_of(old).items():
        other = after.weights_of(new).get(name)
        followed |= set(zip(weight.shape, other.shape, strict=False)) if other else set()
    texts = []
    for key, value in vars(new.layer).items():
        was = vars(old.layer).get(key)
        if was == value or (was, value) in followed or (key in TAPS and taps_follow):
            continue
        texts.append("its equations" if key == "bound" else f"{key} {was} -> {value}")
    return ", ".join(texts)


TAPS = frozenset({"kernel_size", "padding", "dilation"})  # what the taps of a kernel follow
