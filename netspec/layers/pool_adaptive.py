"""Pooling to a size given beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from netspec.layers.axes import need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, Reach, Reaches, Types, kind
from netspec.layers.onnx_ops import onnx_max, onnx_slice
from netspec.layers.pool import onnx_max_pool
from netspec.layers.windows import AXES, Positive2, Positive3, per_axis
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive


@dataclass(frozen=True)
class AdaptivePool(Layer):
    """What the adaptive pools share: output i takes positions ⌊i·n/m⌋ … ⌈(i + 1)·n/m⌉ − 1 of n, m the output size."""

    rank: ClassVar[int]
    average: ClassVar[bool]

    output_size: int | tuple[int, ...]

    def sizes(self) -> tuple[int, ...]:
        """The output size along each axis."""
        return per_axis(self.output_size, self.rank)

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        need_rank(self, x, self.rank + 2, AXES[self.rank])
        return x.with_shape(*x.shape[:2], *self.sizes())

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        pairs = zip(reaches[0][1:], inputs[0].shape[2:], self.sizes(), strict=True)
        return (reaches[0][0], *(_adaptive_reach(reach, n, m) for reach, n, m in pairs))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        name = "AdaptiveAvgPool" if self.average else "AdaptiveMaxPool"
        return getattr(nn, f"{name}{self.rank}d")(self.output_size)

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        sizes = build.types[0].shape[2:]
        even = [n // m for n, m in zip(sizes, self.sizes(), strict=True) if isinstance(n, int) and n % m == 0]
        if len(even) == self.rank:
            if not self.average:
                return onnx_max_pool(build, x, kernel_shape=even, strides=even)
            return build.op("AveragePool", [x], kernel_shape=even, strides=even)
        for axis, (n, m) in enumerate(zip(sizes, self.sizes(), strict=True), start=2):  # the axes are independent
            parts = (
                [x]
                if m == 1
                else [
                    onnx_slice(build, x, axis, build.shape([i * n // m]), build.shape([((i + 1) * n + m - 1) // m]))
                    for i in range(m)
                ]
            )
            parts = [self.onnx_reduced(build, part, axis) for part in parts]
            x = build.op("Concat", parts, axis=axis) if m > 1 else parts[0]
        return x

    def onnx_reduced(self, build: OnnxBuilder, x: str, axis: int) -> str:
        if not self.average:
            return onnx_max(build, x, [axis], keepdims=True)
        return build.op("ReduceMean", [x, build.const([axis], "int64")], keepdims=1)


def _adaptive_reach(reach: Reach | None, n: Size, m: int) -> Reach | None:
    if reach is None or not isinstance(n, int) or m == 1:
        return None
    step = Fraction(n, m)
    slack = 0 if n % m == 0 else Fraction(m - 1, m)  # rounding moves either end by less than one position
    return reach.window(-slack, step - 1 + slack, step)


class _AdaptiveAverage(AdaptivePool):
    average: ClassVar[bool] = True
    sums: ClassVar[bool] = True


class _AdaptiveMax(AdaptivePool):
    average: ClassVar[bool] = False


@kind("adaptive_avg_pool1d")
class AdaptiveAvgPool1d(_AdaptiveAverage):
    """y[c, i] = mean of x[c, ⌊i·L/m⌋ … ⌈(i + 1)·L/m⌉ − 1], m = output_size.

    (B, C, L) -> (B, C, output_size).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 1
    output_size: Positive

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 3", ("[2, 9]",)),
        Example("output_size: 3", ("[2, T]",)),
    )


@kind("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(_AdaptiveAverage):
    """y[c, i] = mean of x[c, ⌊i·n/m⌋ … ⌈(i + 1)·n/m⌉ − 1] along height and width, m = output_size.

    (B, C, H, W) -> (B, C, m, m).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 2
    output_size: Positive2

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 2", ("[3, 6, 4]",)),
        Example("output_size: [3, 2]", ("[2, 7, T]",)),
        Example("output_size: 1", ("[2, T, 5]",)),
    )


@kind("adaptive_avg_pool3d")
class AdaptiveAvgPool3d(_AdaptiveAverage):
    """y[c, i] = mean of x[c, ⌊i·n/m⌋ … ⌈(i + 1)·n/m⌉ − 1] along depth, height and width, m = output_size.

    (B, C, D, H, W) -> (B, C, m, m, m).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 3
    output_size: Positive3

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 2", ("[2, 4, 4, 2]",)),
        Example("output_size: [1, 2, 3]", ("[2, T, 3, 5]",)),
    )


@kind("adaptive_max_pool1d")
class AdaptiveMaxPool1d(_AdaptiveMax):
    """y[c, i] = max of x[c, ⌊i·L/m⌋ … ⌈(i + 1)·L/m⌉ − 1], m = output_size.

    (B, C, L) -> (B, C, output_size).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 1
    output_size: Positive

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 3", ("[2, 9]",)),
        Example("output_size: 3", ("[2, T]",)),
    )


@kind("adaptive_max_pool2d")
class AdaptiveMaxPool2d(_AdaptiveMax):
    """y[c, i] = max of x[c, ⌊i·n/m⌋ … ⌈(i + 1)·n/m⌉ − 1] along height and width, m = output_size.

    (B, C, H, W) -> (B, C, m, m).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 2
    output_size: Positive2

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 2", ("[3, 6, 4]",)),
        Example("output_size: [3, 2]", ("[2, 7, T]",)),
    )


@kind("adaptive_max_pool3d")
class AdaptiveMaxPool3d(_AdaptiveMax):
    """y[c, i] = max of x[c, ⌊i·n/m⌋ … ⌈(i + 1)·n/m⌉ − 1] along depth, height and width, m = output_size.

    (B, C, D, H, W) -> (B, C, m, m, m).  Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 3
    output_size: Positive3

    examples: ClassVar[tuple[Example, ...]] = (
        Example("output_size: 2", ("[2, 4, 4, 2]",)),
        Example("output_size: [1, 2, 3]", ("[2, T, 3, 5]",)),
    )
