"""Pooling over whole channels: one number each."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.axes import need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, kind
from netspec.layers.onnx_ops import onnx_max
from netspec.layers.windows import AXES
from netspec.shapes.tensor import TensorType


class GlobalPool(Layer):
    """What the global pools share; `rank` counts the axes behind the channels."""

    rank: ClassVar[int]
    average: ClassVar[bool]

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        need_rank(self, x, self.rank + 2, AXES[self.rank])
        return x.with_shape(*x.shape[:2])

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return reaches[0][:1]

    def to_torch(self, build: TorchBuilder) -> Any:
        [x] = build.inputs
        axes = tuple(range(2, self.rank + 2))
        return x.mean(axes) if self.average else x.amax(axes)

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        if not self.average:
            return onnx_max(build, x, range(2, self.rank + 2))
        return build.op("Flatten", [build.op("GlobalAveragePool", [x])], axis=1)


class _GlobalAverage(GlobalPool):
    average: ClassVar[bool] = True
    sums: ClassVar[bool] = True


class _GlobalMax(GlobalPool):
    average: ClassVar[bool] = False


@kind("global_avg_pool1d")
class GlobalAvgPool1d(_GlobalAverage):
    """y[c] = mean over i of x[c, i].  (B, C, L) -> (B, C).  Raises NS402 for an input of another rank."""

    rank: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 5]",)), Example("", ("[3, T]",)))


@kind("global_avg_pool2d")
class GlobalAvgPool2d(_GlobalAverage):
    """y[c] = mean over i, j of x[c, i, j].  (B, C, H, W) -> (B, C).  Raises NS402 for an input of another rank.

    Lin et al. 2013, arXiv:1312.4400.
    """

    rank: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 5, 4]",)), Example("", ("[3, T, 4]",)))


@kind("global_avg_pool3d")
class GlobalAvgPool3d(_GlobalAverage):
    """y[c] = mean over i, j, k of x[c, i, j, k].  (B, C, D, H, W) -> (B, C).

    Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 2, 3, 4]",)), Example("", ("[3, T, 3, 4]",)))


@kind("global_max_pool1d")
class GlobalMaxPool1d(_GlobalMax):
    """y[c] = max over i of x[c, i].  (B, C, L) -> (B, C).  Raises NS402 for an input of another rank."""

    rank: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 5]",)), Example("", ("[3, T]",)))


@kind("global_max_pool2d")
class GlobalMaxPool2d(_GlobalMax):
    """y[c] = max over i, j of x[c, i, j].  (B, C, H, W) -> (B, C).  Raises NS402 for an input of another rank."""

    rank: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 5, 4]",)), Example("", ("[3, T, 4]",)))


@kind("global_max_pool3d")
class GlobalMaxPool3d(_GlobalMax):
    """y[c] = max over i, j, k of x[c, i, j, k].  (B, C, D, H, W) -> (B, C).

    Raises NS402 for an input of another rank.
    """

    rank: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 2, 3, 4]",)), Example("", ("[3, T, 3, 4]",)))
