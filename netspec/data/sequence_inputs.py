"""Sequences to the inputs and the output of a network: which input takes what, and in which form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netspec.data.generated_sequences import Sequences
from netspec.data.network import Network, only_name
from netspec.data.preprocess import Array, InputRule, shape_of
from netspec.data.raw import Raw, RawTarget
from netspec.data.symbols import Symbols
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.text import Span

LENGTHS = "lengths"
LOSSES = {"classes": "cross_entropy", "signs": "logistic", "numbers": "squared"}


def raw_of_sequences(sequences: Sequences, source: str, network: Network, span: Span | None) -> Raw:
    """The sequences go to the only input beside `lengths`, or to `x`; their lengths to `lengths`, if it is there.

    Symbols become vectors (T, K) for a floating input, and stay numbers (T) for one of whole numbers.
    Raises NS605 for what does not fit.
    """
    name = _sequence_input(network.inputs, source, span)
    type_ = network.inputs[name]
    steps = _steps(sequences, type_, name, source, span)
    x, rule = _input(sequences, steps, type_)
    inputs: dict[str, Array | Symbols] = {}
    rules = {}
    for key in network.inputs:  # in the network's order
        if key == name:
            inputs[key], rules[key] = x, rule
        else:
            inputs[key], rules[key] = sequences.lengths.astype(np.int64), InputRule("array", (), "int64")
    y_name = only_name(network.outputs, "output", source, span)
    target = _target(sequences, steps, network.kinds[y_name], y_name, source, span)
    ragged = LENGTHS in network.inputs and isinstance(type_.shape[1], Dim)
    return Raw(
        {**inputs}, rules, {y_name: target}, len(sequences.x), sequences.lengths if ragged else None, sequences.ordered
    )


def _sequence_input(inputs: Mapping[str, TensorType], source: str, span: Span | None) -> str:
    names = [name for name in inputs if name != LENGTHS] or list(inputs)
    if len(names) > 1:
        others = ", ".join(f"`{name}`" for name in names if name != "x")
        gives = "nothing but `x` and `lengths`" if "x" in names else "one input with sequences"
        text = f"{source} feeds {gives}: the network has {others} too"
        numbered = [n for n in names if inputs[n].rank == 1 and not inputs[n].floating]
        hint = "use a source of type npz, with an array for each"
        if LENGTHS not in inputs and len(names) == 2 and len(numbered) == 1:
            hint = f"call it `{LENGTHS}`: write `{LENGTHS}: {{shape: [], dtype: int64}}` instead of `{numbered[0]}`"
        raise NetspecError("NS605", text, span, hint=hint)
    lengths = inputs.get(LENGTHS)
    if lengths is not None and len(inputs) > 1 and (lengths.dtype != "int64" or lengths.rank != 1):
        text = f"input `lengths` is {lengths} of {lengths.dtype}, {source} gives one whole number a sample"
        raise NetspecError("NS605", text, span, hint="write `lengths: {shape: [], dtype: int64}` in `inputs`")
    return names[0]


def _steps(sequences: Sequences, type_: TensorType, name: str, source: str, span: Span | None) -> int:
    """To how many steps the sequences are padded; NS605 when they do not fit the input."""
    longest, size = int(sequences.x.shape[1]), len(sequences.symbols)
    vectors = TensorType((*type_.shape[:2], size or sequences.x.shape[2]))
    numbers = TensorType(type_.shape[:2], "int64")
    fits = [vectors] + ([numbers, TensorType(numbers.shape, "int32")] if size else [])
    last = vectors.shape[-1]
    if type_ not in fits:
        step, hint = f"has {last} number{'s' * (last != 1)}", f"write `{name}: [T, {last}]`"
        if size:
            step = f"is one of {last} symbols"
            hint += f", or `{name}: {{shape: [T], dtype: int64}}` before an `embedding`"
        text = f"input `{name}` is {type_} of {type_.dtype}, a step of {source} {step}"
        raise NetspecError("NS605", text, span, hint=hint)
    steps = type_.shape[1]
    if isinstance(steps, Dim):
        return longest
    if steps < longest:
        text = f"input `{name}` is {type_}: it has {steps} steps, the longest sequence of {source} has {longest}"
        raise NetspecError("NS605", text, span, hint=f"give that axis a name, such as T, or {longest} steps")
    return steps


def _input(sequences: Sequences, steps: int, type_: TensorType) -> tuple[Array | Symbols, InputRule]:
    count = len(sequences.symbols)
    x = _longer(sequences.x, steps, -1 if count else 0)
    rule = InputRule("array", shape_of(type_), type_.dtype, symbols=sequences.symbols, steps=steps)
    if not count:
        return x, rule
    return (Symbols(x, count), rule) if type_.floating else (np.maximum(x, 0), rule)


def _target(sequences: Sequences, steps: int, kind: str, name: str, source: str, span: Span | None) -> RawTarget:
    if kind not in sequences.targets:
        which = " or ".join(f"`{LOSSES[k]}`" for k in sequences.targets)
        text = (
            f"the loss of output `{name}` compares {kind}, the targets of {source} are {next(iter(sequences.targets))}"
        )
        raise NetspecError("NS605", text, span, hint=f"use the loss {which}")
    values, mask = sequences.targets[kind], sequences.mask
    names = sequences.names if kind == "classes" else ()
    subject = f"the target of {source}"
    if mask is None:
        return RawTarget(values, subject, span, names)
    values, mask = _longer(values, steps, 0), _longer(mask, steps, 0)
    sets = sequences.sets if kind != "classes" else ()
    return RawTarget(values, subject, span, names, sets, True, None if mask.all() else mask)


def _longer(x: Array, steps: int, fill: float) -> Array:
    """(N, T, …) padded to so many steps."""
    more = [(0, 0), (0, steps - x.shape[1]), *[(0, 0)] * (x.ndim - 2)]
    return np.pad(x, more, constant_values=fill) if steps > x.shape[1] else x
