"""Recurrent layers: `recurrent` runs any cell, and each cell of the library is a kind of its own name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from netspec.cells.ir.returns import Returns
from netspec.cells.language.library import library_cell, library_names, library_text
from netspec.layers.axes import known, need_rank
from netspec.layers.base import (
    KINDS,
    Example,
    Layer,
    OnnxBuilder,
    Reaches,
    TorchBuilder,
    Types,
    Weight,
    Wired,
    bad_input,
    kind,
)
from netspec.layers.init import Init, cell_inits
from netspec.layers.recurrent_wiring import LENGTHS_HINT, check_named, check_sequence, check_state, state_hint
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Limit, Positive, Share
from netspec.source.written import NOT_A_KEY

if TYPE_CHECKING:  # every file loads its kinds: the language of cells is loaded with the first recurrent layer
    from netspec.cells.ir.stack import CellStack
    from netspec.cells.language.cell import Cell

# B batch, T time, I input features, O output features, R rows (layers x directions), S states behind each other

MAX_NUM_LAYERS = 1000  # of one stack: every weight of every layer has a name


@dataclass(frozen=True)
class RecurrentRoles:
    """Which input is what."""

    lengths: int | None
    state: int | None


def roles_of(inputs: Types) -> RecurrentRoles:
    """The first input is the sequence; of those behind it, whole numbers are lengths and floating ones the state."""
    rest = range(1, len(inputs))
    return RecurrentRoles(
        next((i for i in rest if not inputs[i].floating), None), next((i for i in rest if inputs[i].floating), None)
    )


@dataclass(frozen=True, eq=False, repr=False)
class CellLayer(Layer):
    """What all recurrent kinds share."""

    hidden: Positive | None = None
    num_layers: Annotated[int, Limit(minimum=1, maximum=MAX_NUM_LAYERS)] = 1
    bidirectional: bool = False
    dropout: Share = 0.0
    returns: Returns = "sequence"
    initial_state: Literal["zero", "learned"] = "zero"
    params: Mapping[str, float] = field(default_factory=dict)
    recompute: bool = False

    ports: ClassVar[tuple[str, ...]] = ("input", "lengths", "initial_state")
    optional: ClassVar[frozenset[str]] = frozenset({"lengths", "initial_state"})
    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    weighted: ClassVar[bool] = True
    floating: ClassVar[bool] = False

    @property
    def the_cell(self) -> Cell:
        """The cell that the layer runs."""
        return library_cell(self.kind)

    def bind(self, cells: Callable[[str], Cell]) -> Layer:
        _check(self)
        return self

    def stack(self, x: TensorType) -> CellStack:
        """The cell in all layers and directions, for this input."""
        from netspec.cells.ir.stack import sorted_params, stack_of

        features = known(self, x.shape[2], "a last axis", x)
        cell = self.the_cell
        return stack_of(cell, self.hidden, features, sorted_params(self.params), self.num_layers, self.bidirectional)

    def check_wired(self, inputs: tuple[Wired, ...]) -> None:
        check_sequence(self.kind, inputs)
        check_named(self.kind, inputs)
        x = inputs[0].type
        if x.floating and x.rank == 3 and any("state" in wired.others for wired in inputs[1:]):
            check_state(self.kind, self.state(self.stack(x), x), inputs)

    def infer(self, *inputs: TensorType) -> dict[str, TensorType]:
        x, roles = inputs[0], roles_of(inputs)
        if not x.floating:
            raise bad_input(
                "NS405",
                f"{self.kind} expects floating numbers, received {x} of {x.dtype}",
                "whole numbers are for `embedding`; set `dtype` in `inputs`",
            )
        need_rank(
            self,
            x,
            3,
            "(B, T, I)",
            "one vector a step: `flatten` what stands behind the time"
            if x.rank > 3
            else "one vector a step: `unsqueeze` a last axis for sequences of numbers",
        )
        stack = self.stack(x)
        state = self.state(stack, x)
        self.check_more(inputs, roles, stack)
        sequence = x.with_shape(*x.shape[:2], stack.output)
        main = {"sequence": sequence, "last": x.with_shape(x.shape[0], stack.output), "state": state}[self.returns]
        return {"": main, "state": state}

    def has_port(self, port: str) -> bool:
        return port == "state"

    def state(self, stack: CellStack, x: TensorType) -> TensorType:
        """The type of packed states."""
        return TensorType((x.shape[0], stack.rows, stack.width), x.dtype)

    def lengths_of(self, inputs: Types) -> int | None:
        """Which input has the lengths of the sequences."""
        return roles_of(inputs).lengths

    def check_more(self, inputs: Types, roles: RecurrentRoles, stack: CellStack) -> None:
        """Refuse other inputs than one of lengths and one state that fit: NS401, NS403, NS405."""
        x = inputs[0]
        if len(inputs) > 1 + (roles.lengths is not None) + (roles.state is not None):
            received = ", ".join(f"{i.dtype} {i}" for i in inputs)
            raise bad_input(
                "NS405",
                f"{self.kind} expects a sequence, then at most whole lengths and one floating "
                f"state, received {received}",
                "name them: `from: {input: a, lengths: b, initial_state: c}`",
            )
        if roles.lengths is not None:
            lengths = inputs[roles.lengths]
            if lengths.dtype != "int64" or lengths.shape != x.shape[:1]:
                raise bad_input(
                    "NS405" if lengths.dtype != "int64" else "NS401",
                    f"{self.kind} expects one int64 length for each sequence, {TensorType(x.shape[:1])}, "
                    f"received {lengths.dtype} {lengths}",
                    LENGTHS_HINT,
                )
        if roles.state is not None:
            if self.initial_state == "learned":
                raise bad_input(
                    "NS403",
                    f"{self.kind} with `initial_state: learned` takes no initial state",
                    "leave out one of both",
                )
            expected, given = self.state(stack, x), inputs[roles.state]
            if given.shape != expected.shape:
                raise bad_input(
                    "NS401",
                    f"{self.kind} expects an initial state {expected}, received {given}",
                    state_hint(stack, given),
                )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        stack = self.stack(inputs[0])
        weights = {name: Weight(shape) for name, shape in stack.weights.items()}
        if self.initial_state == "learned":
            weights |= {f"{name}_0": Weight((stack.rows, size)) for name, size in stack.states.items()}
        return weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        from netspec.cells.ir.units import units_of

        stack = self.stack(inputs[0])
        axes: dict[str, WeightAxes] = {}
        for row in range(stack.rows):
            weights = units_of(stack.step(row)).weights
            for name, full in stack.names(row).items():
                axes[full] = tuple(
                    tuple(u for run in runs for u in self._units(stack, row, *run)) for runs in weights[name]
                )
        if self.initial_state == "learned":
            for name, of in units_of(stack.step(0)).states.items():
                own = self._units(stack, 0, of, stack.states[name]) if of != "input" else None
                axes[f"{name}_0"] = (None, own)
        return axes

    def output_units(self, inputs: Types) -> dict[str, tuple[Units, ...]]:
        from netspec.cells.ir.units import units_of

        stack = self.stack(inputs[0])
        given: dict[str, tuple[Units, ...]] = {}
        if self.returns != "state":
            given[""] = self._given_out(stack, stack.num_layers - 1)
        states = units_of(stack.step(0)).states
        if "input" not in states.values():  # the rows of packed states are made alike
            packed = tuple(
                u for name, size in stack.sizes(0).items() for u in self._units(stack, 0, states[name], size)
            )
            given |= {"state": packed, **({"": packed} if self.returns == "state" else {})}
        return given

    def _units(self, stack: CellStack, row: int, of: str, size: int, summed: bool = False) -> tuple[Units, ...]:
        """What a set of units of a cell's step is in this row of the stack."""
        layer = row // stack.directions
        if of != "input":  # rows that begin with one learned state have one set of units
            return (Units(of if self.initial_state == "learned" else of + stack.suffix(row), size, summed=summed),)
        if not layer:
            return (Units("input", size, 2, summed=summed),)
        return tuple(replace(units, summed=summed) for units in self._given_out(stack, layer - 1))

    def _given_out(self, stack: CellStack, layer: int) -> tuple[Units, ...]:
        """What the directions of a layer give out, behind each other."""
        from netspec.cells.ir.stack import number
        from netspec.cells.ir.units import units_of

        rows = range(layer * stack.directions, (layer + 1) * stack.directions)
        return tuple(
            units
            for row in rows
            for units in self._units(stack, row, units_of(stack.step(row)).output, number(stack.step(row).output.size))
        )

    def weights_named(self, name: str, weights: Iterable[str]) -> tuple[str, ...]:
        """A weight of the cell stands for that of every layer and direction: `b_f` for `b_f_l0`, `b_f_l0_reverse`, …"""
        of_every_layer = tuple(w for w in weights if re.fullmatch(rf"{re.escape(name)}_l\d+(_reverse)?", w))
        return super().weights_named(name, weights) if name in weights else of_every_layer

    def cell_inits(self) -> dict[str, Init]:
        """How the cell says that its weights begin, by its names, its parameters put in."""
        cell = self.the_cell
        return cell_inits(cell, {name: default or 0.0 for name, default in cell.params.items()} | dict(self.params))

    def flops(self, inputs: Types, outputs: Types) -> Size:
        each, once = self.stack(inputs[0]).products
        return inputs[0].shape[1] * each + once

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        along = reaches[0][0] if self.returns == "sequence" else None
        return (along and along.everywhere(), *[None] * (outputs[0].rank - 2))

    def torch_module(self, *inputs: TensorType) -> Any:
        from netspec.cells.run.module import Recurrent

        return Recurrent(
            self.stack(inputs[0]),
            dropout=self.dropout,
            returns=self.returns,
            recompute=self.recompute,
            learned=self.initial_state == "learned",
            begin=self.cell_inits(),
        )

    def to_torch(self, build: TorchBuilder) -> Any:
        roles = roles_of(build.types)
        more = [build.inputs[i] if i is not None else None for i in (roles.lengths, roles.state)]
        while more and more[-1] is None:
            more.pop()
        both = build.call(build.inputs[0], *more)
        return {"": both[0], "state": both[1]}

    def to_onnx(self, build: OnnxBuilder) -> dict[str, str]:
        from netspec.cells.onnx.emit import emit_layer

        roles, x = roles_of(build.types), build.types[0]
        lengths, state = (build.inputs[i] if i is not None else "" for i in (roles.lengths, roles.state))
        learned = self.initial_state == "learned"
        return emit_layer(
            build,
            self.stack(x),
            build.inputs[0],
            x.shape[0],
            self.returns,
            lengths=lengths,
            state=state,
            learned=learned,
        )


def _check(layer: CellLayer) -> None:
    from netspec.cells.ir.use import check_use

    check_use(layer.the_cell, layer.hidden, layer.params)


@dataclass(frozen=True)
class NamesCell(Layer):
    """The field that stands before all others."""

    cell: str


@kind("recurrent")
class RecurrentLayer(CellLayer, NamesCell):
    """A cell of `cells`, or of the library (`netspec cells` lists them), over a sequence.

    x (B, T, I) -> (B, T, O), O the size of the cell's output, twice it when `bidirectional`.  `returns: last` is
    (B, O), the output of each direction at its own last step; `returns: state` the final state.  The port `state`
    (B, R, S) is that state: R layers times directions, S the cell's states behind each other as they are declared.
    `lengths` (B,), int64: behind it the state stands still and the output is 0.  `initial_state`
    (B, R, S), another layer's `state`; zeros where there is none, or weights with `initial_state: learned`.  `dropout`
    stands between layers.  `params` are the cell's own.  `recompute`: the backward pass computes activations again
    and keeps none.  `init` takes a weight by the cell's name for all layers and directions, or by its own.
    Raises NS201 for an unknown cell, NS202 and NS204 for parameters, NS401 for lengths or a state of another shape,
    NS402 for an input of another rank or of unknown features, NS403 for a learned and a given initial state, NS405
    for element types.
    """

    bound: Any = field(default=None, kw_only=True, metadata=NOT_A_KEY)  # the Cell of this name; no key of a file

    examples: ClassVar[tuple[Example, ...]] = (
        Example("cell: lstm, hidden: 3", ("[T, 2]",), ({"T": 1}, {"T": 5})),
        Example(
            "cell: lstm_peephole, hidden: 2, num_layers: 2, bidirectional: true, dropout: 0.2, returns: last",
            ("[T, 3]", "{shape: [], dtype: int64}", "[4, 4]"),
            wiring="from: {initial_state: c, lengths: b, input: a}",
        ),
        Example(
            "cell: gru, hidden: 3, returns: state, recompute: true",
            ("[4, 2]", "[1, 3]"),
            wiring="from: {input: a, initial_state: b}",
        ),
        Example(
            "cell: sru, hidden: 3, num_layers: 2, initial_state: learned, params: {highway_bias: -1.5}",
            ("[T, 2]", "{shape: [], dtype: int64}"),
            wiring="from: {input: a, lengths: b}",
        ),
        Example("cell: qrnn, hidden: 2, num_layers: 2, bidirectional: true, initial_state: learned", ("[T, 3]",)),
        Example("cell: qrnn, hidden: 2, num_layers: 2", ("[T, 3]", "[2, 5]")),
    )

    @property
    def the_cell(self) -> Cell:
        bound: Cell | None = self.bound
        return bound or library_cell(self.cell)

    def bind(self, cells: Callable[[str], Cell]) -> Layer:
        layer = replace(self, bound=cells(self.cell))
        _check(layer)
        return layer


class _Doc:
    """The docstring of a library cell's kind: from its file, which is read when somebody asks."""

    def __get__(self, layer: object, cls: type[CellLayer]) -> str:
        cell = library_cell(cls.kind)
        written = library_text(cls.kind).partition("equations:\n")[2]
        equations = "\n".join(f"    {line.removeprefix('  - ')}" for line in written.splitlines())
        return (
            f"{cell.description}\n\n{equations}\n\n"
            f"x (B, T, I) -> (B, T, O): `recurrent` with `cell: {cls.kind}`, and all that is said there.\n"
            f"{cell.source}."
        )


EXAMPLES = (
    Example("hidden: 3, params: {}", ("[T, 2]",), ({"T": 1}, {"T": 6})),
    Example(
        "hidden: 2, num_layers: 2, bidirectional: true, dropout: 0.2, returns: last, initial_state: learned",
        ("[T, 3]", "{shape: [], dtype: int64}"),
        wiring="from: {input: a, lengths: b}",
    ),
    Example("hidden: 3, recompute: true", ("[5, 3]",)),
)

for _name in library_names():
    if _name in KINDS:
        raise TypeError(f"layer kind {_name} is declared twice: {KINDS[_name].__module__} and the library's cell")
    KINDS[_name] = type(
        _name, (CellLayer,), {"kind": _name, "__doc__": _Doc(), "__module__": __name__, "examples": EXAMPLES}
    )
