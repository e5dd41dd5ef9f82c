"""What each tensor of a new network is made from: both networks are walked together, layer by layer.

An output of the new network stands for one of the old when it holds the same values, its axes perhaps wider.  A layer
that is in both and reads what stands for what it read before gives out what it gave before; an added layer that begins
as the identity stands for what it reads.  Where that ends, and why, is noted, and the walk goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.graph.digest import axis_numbers
from netspec.graph.meaning import Meanings
from netspec.graph.model import Input, Node, Ref
from netspec.migrate.axes import Clash, behind, copies, leading
from netspec.migrate.begin import Beginner, Fill
from netspec.migrate.changed import changed
from netspec.migrate.correspondence import Correspondence, Made, Pair, Placed, UnitSpan
from netspec.migrate.follow import through
from netspec.migrate.layer_units import LayerUnits, axes_of_weights
from netspec.review.difference import Matching
from netspec.review.match.networks import weight_pairs
from netspec.shapes.tensor import TensorType


def correspond(matching: Matching) -> Correspondence:
    """Walk both networks."""
    walk = _NetworkWalk(matching)
    walk.run()
    return walk.result


class _NetworkWalk:
    """Both networks, as far as they have been walked: what each output of the new one stands for."""

    def __init__(self, matching: Matching) -> None:
        self.before, self.after = matching.before, matching.after
        self.matching = matching
        self.meanings = [Meanings(axis_numbers(g.inputs.values())) for g in (matching.before, matching.after)]
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
                self.beginner.values.same[out] = node.inputs[0]
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
            self.beginner.values.same[Ref(node.name)] = node.inputs[trunk[0]]
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
        axes_of = LayerUnits(self.axes, self.before, self.after, old, new, ins, self.noted)
        outs = self._output_axes(old, new, axes_of)
        self._weights(old, new, axes_of)
        axes_of.hold_the_rest(outs.values())
        why = changed(old, new, self.before, self.after)
        if why:
            self.result.doubts.setdefault(new.name, why)
            if self.meanings[0].of(self.before, old) != self.meanings[1].of(self.after, new):
                self.result.otherwise[new.name] = why
        for port, axes in outs.items():
            self.placed[Ref(new.name, port)] = Placed(self._source(Ref(old.name, port)), axes)

    def _read(self, old: Node, new: Node) -> list[tuple[int, ...] | None]:
        """The axes of each input; None for one that the old layer did not have."""
        refs = list(new.inputs)
        positions = list(range(len(refs)))
        if len(refs) > len(old.inputs):
            positions = [i for i, ref in enumerate(refs) if ref in self.placed]
            if len(positions) != len(old.inputs) or not self._branches_are_zero(new, positions):
                self.result.breaks.setdefault(new.name, f"it reads {_values(len(refs))}, {len(old.inputs)} before")
                positions = list(range(len(old.inputs)))
        elif len(refs) < len(old.inputs):
            self.result.breaks.setdefault(new.name, f"it reads {_values(len(refs))}, {len(old.inputs)} before")
        ins: list[tuple[int, ...] | None] = [None] * len(refs)
        for position, old_ref in zip(positions, old.inputs, strict=False):
            ref = refs[position]
            before, after = self.before.type_of(old_ref), self.after.type_of(ref)
            placed = self._expected(ref, old_ref, new.name)
            if placed is not None and len(placed.axes) == after.rank - 1:
                ins[position] = placed.axes
            elif before.rank == after.rank:
                ins[position] = self._new_axes(before, after)
        return ins

    def _output_axes(self, old: Node, new: Node, units: LayerUnits) -> dict[str, tuple[int, ...]]:
        """Port -> the axes of that output."""
        main = next(iter(new.outputs))
        sources = through(self.after, new)
        output_axes: dict[str, tuple[int, ...]] = {}
        for port, type_ in new.outputs.items():
            before = old.outputs.get(port)
            if before is None or before.rank != type_.rank:
                self.unplaced[Ref(new.name, port)] = (new.name, "it gives out a tensor of other axes")
                continue
            axes = self._new_axes(before, type_)
            output_axes[port] = axes
            if port == main:
                units.outputs = axes
            for i, axis in enumerate(axes):
                source = sources[i] if port == main or "" not in new.outputs else None
                units.flow(axis, i + 1, source if source is not None and source.exact else None)
            if port == main and new.layer.view:
                units.reshaped(before, type_)
        for port, runs in new.layer.output_units(self.after.input_types(new)).items():
            old_runs = old.layer.output_units(self.before.input_types(old)).get(port, ())
            if port in output_axes and [u.of for u in runs] == [u.of for u in old_runs]:
                parts = [units.number(a, b) for a, b in zip(old_runs, runs, strict=True)]
                self.axes.derive(output_axes[port][-1], parts, behind([u.size for u in old_runs]), new.name)
                units.known.add(output_axes[port][-1])
        return output_axes

    def _weights(self, old: Node, new: Node, units: LayerUnits) -> None:
        old_axes = axes_of_weights(self.before, old)
        new_axes = axes_of_weights(self.after, new)
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

                def check(a: UnitSpan = a, b: UnitSpan = b) -> Clash | None:
                    repeats = copies(self.axes.positions(a.axis)).max() > 1
                    if not repeats or a.new.summed == b.new.summed:
                        return None
                    return Clash(layer, f"it shares the weight of `{owner}`, and one of both would have to be divided")

                self.axes.hold(check)


def _spans(along: Pair) -> list[UnitSpan]:
    return [item for item in along or () if isinstance(item, UnitSpan)]


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"
