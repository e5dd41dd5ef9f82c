"""Targets in the form that the losses take: class numbers, signs, or numbers in the output's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from netspec.data.arrays import all_labelled, finite
from netspec.data.labels import class_numbers, clean, signs
from netspec.data.network import Network
from netspec.data.preprocess import Array, OutputRule
from netspec.data.raw import Raw, RawTarget
from netspec.data.valid_steps import mask_beyond_lengths, target_lengths_input
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.errors import NetspecError

NO_CLASS = -100  # as torch's cross entropy has it


def encode_target(
    target: RawTarget, raw: Raw, network: Network, name: str, classes: tuple[str, ...]
) -> tuple[Array, OutputRule]:
    """The targets of one output, and what the output means; those that do not count are −100 or NaN.

    `classes`: those of an earlier run, if there was one.
    Raises NS604 to NS606.
    """
    type_, kind = network.outputs[name], network.kinds[name]
    recurrent = type_.rank > 2 and bool(network.lengths_input(type_.shape[1]))
    target = replace(target, steps=target.steps or (recurrent and target.values.ndim > 1))
    axis = class_axis(type_, target.values.shape, last=target.steps) if kind == "classes" else None
    lengths = "" if kind == "classes" and axis is None else target_lengths_input(target, type_, axis, network)
    target = mask_beyond_lengths(target, lengths, raw)
    values, rule = _encoded(target, type_, kind, name, classes)
    rule = replace(rule, lengths=lengths)
    if target.mask is None:
        return values, rule
    mask = target.mask.reshape(*target.mask.shape, *[1] * (values.ndim - 2))
    return np.where(mask, values, NO_CLASS if kind == "classes" else np.float32(np.nan)), replace(rule, masked=True)


def _encoded(
    target: RawTarget, type_: TensorType, kind: str, name: str, classes: tuple[str, ...]
) -> tuple[Array, OutputRule]:
    """The same, of a target all of whose steps count."""
    values = target.values
    finite(values, target.subject, target.span)
    if values.dtype.kind == "U" and not target.folders:
        all_labelled(values, target.subject, target.span)
    if kind == "classes":
        axis = class_axis(type_, values.shape, last=target.steps)
        if axis is None:
            label_shape = (type_.shape[0], *type_.shape[2:])
            text = f"{target.subject} is {shape_text(values.shape)}, output `{name}` is {type_}"
            raise NetspecError(
                "NS605",
                f"{text} and takes one class number in each place: {shape_text(label_shape)}",
                target.span,
                hint=_returns(target, type_) or _not_classes(values, type_),
            )
        count = type_.shape[axis]
        if isinstance(count, Dim):
            raise NetspecError(
                "NS605",
                f"output `{name}` is {type_}: its number of classes is not known",
                target.span,
                hint=f"bring axis {axis} to a known size",
            )
        numbers, names = class_numbers(values, count, target.subject, name, target.span, target.lines, classes)
        return numbers, OutputRule("classes", target.names or names, axis, target.columns)
    if kind == "signs":
        sides, pair = signs(values, target.subject, name, target.span, classes)
        names = (target.names[0], target.names[1]) if len(target.names) == 2 else pair
        return _shaped(sides, type_, target, name), OutputRule("signs", names, columns=target.columns)
    if target.names or values.dtype.kind not in "fiub":
        raise NetspecError(
            "NS605",
            f"{target.subject} gives classes, the loss of output `{name}` compares numbers",
            target.span,
            hint="use the loss `cross_entropy`, or `logistic` for two classes",
        )
    return _shaped(values.astype(np.float32), type_, target, name), OutputRule("numbers", columns=target.columns)


def _not_classes(values: Array, type_: TensorType) -> str:
    """What to do with targets that are not one class in each place."""
    first = {clean(str(v)) for v in np.unique(values)[:3]}
    if values.shape[1:] != type_.shape[1:] or not first <= {"0", "1", "0.0", "1.0", "False", "True"}:
        return "give the number of the class; values to come near to have the loss `squared`"
    ones = np.isin(values.astype(str), ("1", "1.0", "True")).sum(axis=-1)
    if (ones == 1).all():
        return "give the number of the class, not a vector with a 1 in it"
    return "each is a yes or no of its own: use the loss `logistic`"


def class_axis(type_: TensorType, shape: tuple[int, ...], last: bool = False) -> int | None:
    """The axis of an output that counts the classes, for targets of this shape: 1 (B, C, …) or the last (B, …, C)."""
    fitting = []
    for axis in (type_.rank - 1,) if last else (1, type_.rank - 1):
        rest = [size for i, size in enumerate(type_.shape) if i not in (0, axis)]
        if _fits(rest, shape[1:]):
            fitting.append(axis)
    known = [axis for axis in fitting if isinstance(type_.shape[axis], int)]  # (B, T, C): T is no number of classes
    return next(iter([*known, *fitting]), None)


def _fits(sizes: Sequence[Size], shape: tuple[int, ...]) -> bool:
    return len(sizes) == len(shape) and all(isinstance(s, Dim) or s == n for s, n in zip(sizes, shape, strict=True))


def _shaped(values: Array, type_: TensorType, target: RawTarget, name: str) -> Array:
    """Targets in the output's own shape: (N) for (B, 1) would broadcast to (N, N) in the loss without a word."""
    sizes: list[Any] = list(type_.shape[1:])
    shape = values.shape[1:]
    if [size for size in sizes if size != 1] == [size for size in shape if size != 1]:
        return np.ascontiguousarray(values.reshape(len(values), *sizes))
    if _fits(sizes, shape):
        return values
    if sizes and sizes[-1] == 1 and _fits(sizes[:-1], shape):  # (N, T) for (B, T, 1)
        return values[..., None]
    raise NetspecError(
        "NS605",
        f"{target.subject} is {shape_text(values.shape)}, output `{name}` is {type_}",
        target.span,
        hint=_returns(target, type_) or "one number for each of the output's values",
    )


def _returns(target: RawTarget, type_: TensorType) -> str:
    """What to change where one has a value for each step and the other has not."""
    if target.steps and type_.rank < 3:
        return "there is a target for each step: give the recurrent layer `returns: sequence`"
    if target.values.ndim == 1 and type_.rank == 3:
        return "there is one target a sample: give the recurrent layer `returns: last`"
    return ""
