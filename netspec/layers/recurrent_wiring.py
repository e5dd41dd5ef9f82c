"""What is wired wrongly into a recurrent layer, and what to write in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.layers.base import Wired, bad_input
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError

if TYPE_CHECKING:
    from netspec.cells.ir.stack import CellStack

LENGTHS_HINT = "declare the input as `{shape: [], dtype: int64}`"
STATE_HINT = "an initial state is the `.state` of another recurrent layer, or an input of that shape"


def check_sequence(kind: str, inputs: tuple[Wired, ...]) -> None:
    """Refuse lengths in the sequence's place (NS405), and an input of the network without time or time last (NS402)."""
    x, *more = inputs
    sequences = [w for w in more if w.type.floating and w.type.rank == 3]
    if sequences and x.type.rank == 1 and not x.type.floating:
        sequence = next((w for w in sequences if isinstance(w.type.shape[1], Dim)), sequences[0])  # a state has none
        rest = [w for w in inputs if w is not sequence]
        named = [f"{'initial_state' if w.type.floating else 'lengths'}: {w.label}" for w in rest]
        wired = ", ".join([f"input: {sequence.label}", *named])
        raise bad_input(
            "NS405",
            f"{kind} expects the sequence first, received {x.type} of {x.type.dtype}",
            f"write `from: {{{wired}}}`",
        )
    if not x.input or not x.type.floating:
        return
    *_, last = shape = x.type.shape
    if len(shape) == 2:
        hint = (
            f"write `{x.input}: [{last}, 1]` in `inputs`: each step is a vector, here of one number"
            if isinstance(last, Dim)
            else f"write `{x.input}: [T, {last}]` in `inputs`: the time stands before the features"
        )
        raise bad_input("NS402", f"{kind} expects (B, T, I), received {x.type}", hint)
    if len(shape) == 3 and isinstance(last, Dim) and isinstance(shape[1], int):
        raise bad_input(
            "NS402",
            f"{kind} expects a last axis of known size, received {x.type}",
            f"write `{x.input}: [{last}, {shape[1]}]` in `inputs`: the time stands before the features",
        )


def check_named(kind: str, inputs: tuple[Wired, ...]) -> None:
    """Refuse inputs whose element type is not that of the name which `from` gives them: NS405."""
    for wired in inputs[1:]:
        type_ = wired.type
        if wired.port == "lengths" and type_.floating:
            raise bad_input(
                "NS405",
                f"{kind} expects one int64 length for each sequence, "
                f"{TensorType(inputs[0].type.shape[:1])}, received {type_.dtype} {type_}",
                LENGTHS_HINT,
            )
        if wired.port == "initial_state" and not type_.floating:
            raise bad_input(
                "NS405",
                f"{kind} expects an initial state of floating numbers, received {type_} of {type_.dtype}",
                f"write `lengths: {wired.label}` for the lengths of sequences" if type_.rank == 1 else STATE_HINT,
            )


def check_state(kind: str, state: TensorType, inputs: tuple[Wired, ...]) -> None:
    """Refuse the output of a layer whose state is meant: NS401."""
    for wired in inputs[1:]:
        meant = wired.others.get("state", wired.type)
        if wired.type.floating and wired.type.shape not in (state.shape, meant.shape):
            raise bad_input(
                "NS401",
                f"{kind} expects an initial state {state}, received {wired.type}",
                f"write `{wired.label}.state`: `{wired.label}` is the layer's output",
            )


def state_hint(stack: CellStack, received: TensorType) -> str:
    """What to write in a layer that is given a state of another shape, (B, rows, width)."""
    rows, width = (*received.shape[1:], 0, 0)[:2]
    if received.rank != 3 or not isinstance(rows, int) or not isinstance(width, int):
        return STATE_HINT
    write, more = [], []
    if width != stack.width:
        cell, hidden = stack.cell.name, _hidden(stack, width)
        has = f"{cell} has {' and '.join(stack.states)}, {' + '.join(map(str, stack.states.values()))} elements"
        times, rest = divmod(width, stack.hidden or width + 1)  # as many as a cell with other states has
        others = not rest
        if hidden and not (others and times % len(stack.states)):
            write.append(f"hidden: {hidden}")
            more += [f"if it is the state of another {cell}: {has}"] if others else []
        else:
            more.append(f"{has}: take the state of another {cell}")
    if rows % stack.directions:
        more.append(
            "leave out `bidirectional`"
            if rows == stack.num_layers
            else "a layer in two directions has two rows of states"
        )
    elif rows != stack.rows:
        write.append(f"num_layers: {rows // stack.directions}")
        if rows == 2 * stack.rows and stack.directions == 1:
            more.append("or `bidirectional: true` if what gives the state is")
    return ", ".join(([f"write `{', '.join(write)}`"] if write else []) + more)


def _hidden(stack: CellStack, width: int) -> int:
    """The `hidden` with which a state is so wide; 0 when there is none."""
    from netspec.cells.ir.stack import stack_of

    hidden, rest = divmod(width * (stack.hidden or 0), stack.width)
    if rest or not hidden:
        return 0
    try:
        other = stack_of(stack.cell, hidden, stack.features, stack.params, stack.num_layers, stack.bidirectional)
        return hidden if other.width == width else 0
    except NetspecError:  # the cell takes no such size
        return 0
