"""Axes and sizes that several kinds speak of: a `dim` of a file, equal shapes, reshapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.layers.base import Layer, Reaches, TorchBuilder, Types, bad_input
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType

BATCH_HINT = "axes count the batch as 0: the first axis of a sample is 1, the last of all is -1"


def need_rank(layer: Layer, x: TensorType, rank: int, axes: str, hint: str = "") -> None:
    """Refuse an input that has not so many axes."""
    if x.rank != rank:
        raise bad_input("NS402", f"{layer.kind} expects {axes}, received {x}", hint)


def known(layer: Layer, size: Size, axis: str, x: TensorType) -> int:
    """A size that has to be a number."""
    if isinstance(size, int):
        return size
    hint = f"give `{size}` a number in `inputs`, or bring an axis with a known size into that place"
    raise bad_input("NS402", f"{layer.kind} expects {axis} of known size, received {x}", hint)


def axis_of(layer: Layer, dim: int, x: TensorType, rank: int = 0) -> int:
    """The axis that `dim` names, counted from 0; `rank` in place of the input's where the output has more axes.

    Raises NS402 for an axis that is not there, and for the batch axis.
    """
    rank = rank or x.rank
    axis = dim + rank if dim < 0 else dim
    if not 0 <= axis < rank:
        raise bad_input(
            "NS402", f"{layer.kind} expects an axis from 1 to {rank - 1}, received {dim} for {x}", BATCH_HINT
        )
    if axis == 0:
        raise bad_input("NS402", f"{layer.kind} does not work along the batch axis, received {dim} for {x}", BATCH_HINT)
    return axis


def axes_of(layer: Layer, dims: int | Sequence[int], x: TensorType) -> tuple[int, ...]:
    """The axes of a `dim` that is one number or a list, in rising order.  Raises NS402, also for a repeated one."""
    listed = [dims] if isinstance(dims, int) else list(dims)
    axes = sorted({axis_of(layer, dim, x) for dim in listed})
    if not axes or len(axes) != len(listed):
        raise bad_input("NS402", f"{layer.kind} expects different axes, received {listed} for {x}")
    return tuple(axes)


def one_dtype(layer: Layer, inputs: Types) -> None:
    """Refuse inputs of different element types, NS405."""
    if len({x.dtype for x in inputs}) > 1:
        listed = ", ".join(x.dtype for x in inputs)
        raise bad_input(
            "NS405",
            f"{layer.kind} expects inputs of one element type, received {listed}",
            "give the inputs of the network one `dtype`",
        )


def times(sizes: Sequence[object]) -> str:
    """`5x5`; one number where there is one."""
    return "x".join(map(str, sizes))


def kept_reach(reach: Reaches, before: Sequence[Size], after: Sequence[Size]) -> Reaches:
    """A reshape: axes at either end that keep their size keep their reach; what is mixed sees everything."""
    left = 0
    while left < min(len(before), len(after)) and before[left] == after[left]:
        left += 1
    right = 0
    while right < min(len(before), len(after)) - left and before[-1 - right] == after[-1 - right]:
        right += 1
    return (*reach[:left], *[None] * (len(after) - left - right), *reach[len(reach) - right :])


def torch_reshape(build: TorchBuilder, x: Any, shape: Sequence[Size]) -> Any:
    """`x.reshape(…)`; the only size that is not a number is left to torch."""
    unknown = [size for size in shape[1:] if not isinstance(size, int)]
    if not unknown:
        return x.reshape(-1, *shape[1:])
    if len(unknown) == 1:
        return x.reshape(x.size(0), *[size if isinstance(size, int) else -1 for size in shape[1:]])
    return x.reshape(*[build.size(size) for size in shape])
