"""Normalisation with running statistics: over the batch, and over each sample's channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import known, need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, Weight, bad_input, kind
from netspec.layers.onnx_ops import onnx_number
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.layers.windows import AXES
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Above, Share


@dataclass(frozen=True)
class ChannelNorm(Layer):
    """What batch and instance norm share; `rank` counts the axes behind the channels."""

    rank: ClassVar[int]
    torch_name: ClassVar[str]

    eps: Above = 1e-5
    momentum: Share | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        need_rank(self, x, self.rank + 2, AXES[self.rank])
        known(self, x.shape[1], "a channel axis", x)
        return x

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        size = (known(self, inputs[0].shape[1], "a channel axis", inputs[0]),)
        weights = {"weight": Weight(size), "bias": Weight(size)} if self.affine else {}
        if self.track_running_stats:
            weights["running_mean"] = Weight(size, trainable=False)
            weights["running_var"] = Weight(size, trainable=False)
            weights["num_batches_tracked"] = Weight((), trainable=False, dtype="int64")
        return weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        units = (Units("output", known(self, inputs[0].shape[1], "a channel axis", inputs[0])),)
        return {name: (units,) if weight.shape else () for name, weight in self.weights(*inputs).items()}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        """At inference: without running statistics every position moves the mean of its channel."""
        channels, *along = reaches[0]
        return reaches[0] if self.track_running_stats else (channels, *(r and r.everywhere() for r in along))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, f"{self.torch_name}{self.rank}d")(
            inputs[0].shape[1], self.eps, self.momentum, self.affine, self.track_running_stats
        )

    def onnx_affine(self, build: OnnxBuilder) -> tuple[str, str]:
        """Scale and shift of each channel: the weights, or ones and zeros."""
        if self.affine:
            return build.weight("weight"), build.weight("bias")
        channels = known(self, build.types[0].shape[1], "a channel axis", build.types[0])
        return onnx_number(build, [1.0] * channels), onnx_number(build, [0.0] * channels)

    def onnx_running(self, build: OnnxBuilder) -> str:
        """The normalisation by the running statistics."""
        statistics = [build.weight("running_mean"), build.weight("running_var")]
        return build.op("BatchNormalization", [*build.inputs, *self.onnx_affine(build), *statistics], epsilon=self.eps)


@dataclass(frozen=True)
class BatchNorm(ChannelNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, channel by channel over batch and positions."""

    torch_name: ClassVar[str] = "BatchNorm"
    batch_norm: ClassVar[bool] = True

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        [x] = inputs  # the variance of one value is 0
        return [] if self.track_running_stats else [(product((x.shape[0], *x.shape[2:])), 2)]

    def to_onnx(self, build: OnnxBuilder) -> str:
        if self.track_running_stats:
            return self.onnx_running(build)
        # Without running statistics the batch at hand is normalised by its own, at inference too.
        [x] = build.inputs
        rank = build.types[0].rank
        axes = build.const([0, *range(2, rank)], "int64")
        centred = build.op("Sub", [x, build.op("ReduceMean", [x, axes], keepdims=1)])
        var = build.op("ReduceMean", [build.op("Mul", [centred, centred]), axes], keepdims=1)
        y = build.op("Div", [centred, build.op("Sqrt", [build.op("Add", [var, onnx_number(build, self.eps)])])])
        if not self.affine:
            return y
        shape = build.const([-1] + [1] * (rank - 2), "int64")
        scale, shift = (build.op("Reshape", [value, shape]) for value in self.onnx_affine(build))
        return build.op("Add", [build.op("Mul", [y, scale]), shift])


@dataclass(frozen=True)
class InstanceNorm(ChannelNorm):
    """y = (x − mean) / √(var + eps), channel by channel and sample by sample over the positions."""

    torch_name: ClassVar[str] = "InstanceNorm"

    affine: bool = False
    track_running_stats: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        super().infer(x)
        if product(x.shape[2:]) == 1:
            raise bad_input(
                "NS403",
                f"{self.kind} expects more than one position in each channel, received {x}",
                "the variance of one value is 0; use layer_norm or batch_norm",
            )
        return x

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        return [(product(inputs[0].shape[2:]), 2)]

    def to_onnx(self, build: OnnxBuilder) -> str:
        if self.track_running_stats:
            return self.onnx_running(build)
        return build.op("InstanceNormalization", [*build.inputs, *self.onnx_affine(build)], epsilon=self.eps)


@kind("batch_norm1d")
class BatchNorm1d(BatchNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, for each channel over the batch and L; at inference with running
    statistics, m := (1 − momentum)·m + momentum·(the batch's).  `momentum: null` averages all batches alike.

    (B, C) or (B, C, L) -> the same.  Raises NS402 for an input of another rank or of unknown channels.
    Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    rank: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example("eps: 0.001, momentum: null", ("[3, T]",)),
        Example("affine: false, track_running_stats: false", ("[3, T]",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if x.rank not in (2, 3):
            raise bad_input(
                "NS402",
                f"{self.kind} expects (B, C) or (B, C, L), received {x}",
                "use batch_norm2d or batch_norm3d for images and volumes" if x.rank > 3 else "",
            )
        known(self, x.shape[1], "a channel axis", x)
        return x


@kind("batch_norm2d")
class BatchNorm2d(BatchNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, for each channel over the batch, H and W; at inference with
    running statistics, m := (1 − momentum)·m + momentum·(the batch's).  `momentum: null` averages all batches alike.

    (B, C, H, W) -> the same.  Raises NS402 for an input of another rank or of unknown channels.
    Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    rank: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 4, 5]",)),
        Example("eps: 0.01, momentum: 0.5, affine: false", ("[3, T, 5]",)),
        Example("track_running_stats: false", ("[3, 4, T]",)),
    )


@kind("batch_norm3d")
class BatchNorm3d(BatchNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, for each channel over the batch, D, H and W; at inference with
    running statistics, m := (1 − momentum)·m + momentum·(the batch's).  `momentum: null` averages all batches alike.

    (B, C, D, H, W) -> the same.  Raises NS402 for an input of another rank or of unknown channels.
    Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    rank: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[2, 3, 4, 3]",)),
        Example("eps: 0.01, momentum: null, affine: false", ("[2, T, 3, 3]",)),
        Example("track_running_stats: false", ("[2, T, 3, 3]",)),
    )


@kind("instance_norm1d")
class InstanceNorm1d(InstanceNorm):
    """y = (x − mean) / √(var + eps), for each sample and channel over L; `affine` scales and shifts each channel.

    (B, C, L) -> the same.  Raises NS402 for an input of another rank or of unknown channels, NS403 for L = 1.
    Ulyanov et al. 2016, arXiv:1607.08022.
    """

    rank: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 5]",)),
        Example("eps: 0.001, affine: true", ("[3, T]",)),
        Example("momentum: 0.5, track_running_stats: true", ("[3, T]",)),
    )


@kind("instance_norm2d")
class InstanceNorm2d(InstanceNorm):
    """y = (x − mean) / √(var + eps), for each sample and channel over H and W; `affine` scales and shifts each channel.

    (B, C, H, W) -> the same.  Raises NS402 for an input of another rank or of unknown channels, NS403 for H·W = 1.
    Ulyanov et al. 2016, arXiv:1607.08022.
    """

    rank: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 4, 5]",)),
        Example("eps: 0.001, affine: true", ("[3, T, 5]",)),
        Example("momentum: 0.5, track_running_stats: true", ("[3, T, 5]",)),
    )


@kind("instance_norm3d")
class InstanceNorm3d(InstanceNorm):
    """y = (x − mean) / √(var + eps), for each sample and channel over D, H and W; `affine` scales and shifts.

    (B, C, D, H, W) -> the same.  Raises NS402 for an input of another rank or unknown channels, NS403 for D·H·W = 1.
    Ulyanov et al. 2016, arXiv:1607.08022.
    """

    rank: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[2, 3, 4, 3]",)),
        Example("eps: 0.001, affine: true", ("[2, T, 3, 3]",)),
        Example("momentum: 0.5, affine: true, track_running_stats: true", ("[2, T, 3, 3]",)),
    )
