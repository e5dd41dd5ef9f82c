"""Sequences that end before their array does: which steps are there, for a network that takes the lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netspec.data.images import Images
from netspec.data.network import Network
from netspec.data.preprocess import Array
from netspec.data.raw import Raw, RawTarget
from netspec.data.symbols import Symbols
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.text import Span


def steps_within(lengths: Array, steps: int) -> NDArray[np.bool_]:
    """(N, T): the steps before each sample's end."""
    inside: NDArray[np.bool_] = np.arange(steps) < lengths.reshape(-1, 1)
    return inside


def check_sample_lengths(inputs: Mapping[str, Array | Images | Symbols], network: Network, span: Span | None) -> None:
    """Raises NS604 for a length below 1, or beyond the sequences that it is of."""
    for name, steps in network.counted.items():
        lengths = inputs[name]
        assert isinstance(lengths, np.ndarray)  # a layer takes them as whole numbers
        for other, x in inputs.items():
            if isinstance(x, Images) or steps not in network.inputs[other].shape[1:2]:
                continue
            most = (x.codes if isinstance(x, Symbols) else x).shape[1]
            bad = np.flatnonzero((lengths < 1) | (lengths > most))
            if len(bad):
                text = f"input `{name}`: length {lengths.flat[bad[0]]} (sample {bad[0] + 1}) is out of range"
                text += f": the sequences of `{other}` have 1 to {most} steps"
                hint = "leave out samples without steps, and pad all to the longest"
                raise NetspecError("NS604", text, span, hint=hint)


def target_lengths_input(target: RawTarget, type_: TensorType, class_axis: int | None, network: Network) -> str:
    """The input that says how many steps of this output there are; "" where its targets are not one for each step.

    `class_axis`: of an output of classes.
    """
    if target.values.ndim < 2:
        return ""
    axis = 2 if class_axis == 1 else 1
    if axis >= type_.rank or (class_axis is None and type_.rank < 3 and not isinstance(type_.shape[1], Dim)):
        return ""  # (B, K) numbers are K numbers of a sample, even where there happen to be as many steps
    steps = type_.shape[axis]
    return network.lengths_input(steps) if isinstance(steps, Dim) or steps == target.values.shape[1] else ""


def mask_beyond_lengths(target: RawTarget, lengths_input: str, raw: Raw) -> RawTarget:
    """The target with the steps behind each sample's end as ones that do not count, whatever stands there."""
    lengths = raw.inputs.get(lengths_input)
    if target.mask is not None or not isinstance(lengths, np.ndarray):
        return target
    values = target.values
    mask = steps_within(lengths, values.shape[1])
    if mask.all():
        return target
    anywhere = values[mask][0]  # a value that is one: padding may be NaN, or no class
    values = np.where(mask.reshape(*mask.shape, *[1] * (values.ndim - 2)), values, anywhere)
    return replace(target, values=values, mask=mask)
