"""Normalisation of each sample by itself: layer, RMS and group norm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import known
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, Weight, bad_input, kind
from netspec.layers.onnx_ops import onnx_number
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Above, Positive


@dataclass(frozen=True)
class LastAxesNorm(Layer):
    """What layer and RMS norm share: they see the last `num_axes` axes whole."""

    num_axes: Positive = 1
    elementwise_affine: bool = True

    averages: ClassVar[bool] = True

    def normalized(self, x: TensorType) -> tuple[int, ...]:
        """The sizes of the normalised axes.  Raises NS402."""
        if self.num_axes >= x.rank:
            raise bad_input(
                "NS402",
                f"{self.kind} over {self.num_axes} axes expects an input of at least "
                f"{self.num_axes + 1} axes with the batch, received {x}",
                f"use num_axes: {max(x.rank - 1, 1)}",
            )
        return tuple(known(self, size, "normalised axes", x) for size in x.shape[-self.num_axes :])

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        self.normalized(x)
        return x

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"weight": Weight(self.normalized(inputs[0]))} if self.elementwise_affine else {}

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        sizes, rank = self.normalized(inputs[0]), inputs[0].rank
        axes = tuple((Units("output", size, rank - len(sizes) + i),) for i, size in enumerate(sizes))
        return dict.fromkeys(self.weights(*inputs), axes)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (*reaches[0][: -self.num_axes], *(r and r.everywhere() for r in reaches[0][-self.num_axes :]))


@kind("layer_norm")
class LayerNorm(LastAxesNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, mean and variance over the last `num_axes` axes of each sample.

    (B, …, D) -> the same; weight and bias have the sizes of the normalised axes (torch's `normalized_shape`).
    Raises NS402 when those are unknown or include the batch.  Ba et al. 2016, arXiv:1607.06450.
    """

    eps: Above = 1e-5
    bias: bool = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example("num_axes: 2, eps: 0.001, bias: false", ("[T, 3, 4]",)),
        Example("elementwise_affine: false", ("[T, 4]",)),
    )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        weights = super().weights(*inputs)
        return {**weights, "bias": weights["weight"]} if weights and self.bias else weights

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.LayerNorm(list(self.normalized(inputs[0])), self.eps, self.elementwise_affine, self.bias)

    def to_onnx(self, build: OnnxBuilder) -> str:
        if self.elementwise_affine:
            affine = [build.weight(name) for name in self.weights(*build.types)]
        else:
            import numpy as np

            affine = [onnx_number(build, np.ones(self.normalized(build.types[0])))]  # ONNX asks for a scale
        y, mean, inverse = build.ops(
            "LayerNormalization", [*build.inputs, *affine], 3, axis=-self.num_axes, epsilon=self.eps
        )
        # Where squares go beyond float32 torch gives NaN, onnxruntime 1/√∞ · x = 0, or 0 where all values are equal:
        # 0/0 or ∞ · 0 is added there, 0 elsewhere.
        nothing = build.op("Mul", [build.op("Mul", [mean, mean]), onnx_number(build, 0.0)])
        return build.op("Add", [y, build.op("Div", [nothing, inverse])])


@kind("rms_norm")
class RmsNorm(LastAxesNorm):
    """y = x / √(mean(x²) + eps) · weight, the mean over the last `num_axes` axes of each sample.

    (B, …, D) -> the same; weight has the sizes of the normalised axes.  `eps: null` is the smallest step at 1 of the
    element type, 1.2e-7 for float32.  Raises NS402 when the axes are unknown or include the batch.
    Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    eps: Above | None = None

    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example("num_axes: 2, eps: 0.001", ("[T, 3, 4]",)),
        Example("elementwise_affine: false", ("[T, 4]",)),
    )

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.RMSNorm(list(self.normalized(inputs[0])), self.eps, self.elementwise_affine)

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        eps = 2.0**-23 if self.eps is None else self.eps
        axes = build.const(list(range(-self.num_axes, 0)), "int64")
        mean = build.op("ReduceMean", [build.op("Mul", [x, x]), axes], keepdims=1)
        y = build.op("Div", [x, build.op("Sqrt", [build.op("Add", [mean, onnx_number(build, eps)])])])
        return build.op("Mul", [y, build.weight("weight")]) if self.elementwise_affine else y


@kind("group_norm")
class GroupNorm(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, mean and variance over each of `num_groups` groups of channels.

    (B, C, …) -> the same; weight and bias are (C).  Raises NS402 for unknown channels, NS403 when num_groups does not
    divide them or a group is one value.  Wu & He 2018, arXiv:1803.08494.
    """

    num_groups: Positive
    eps: Above = 1e-5
    affine: bool = True

    averages: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example("num_groups: 2"),
        Example("num_groups: 2, eps: 0.001", ("[4, T, 3]",)),
        Example("num_groups: 4, affine: false", ("[4, T]",)),
    )

    def channels(self, x: TensorType) -> int:
        """The number of channels."""
        if x.rank < 2:
            raise bad_input("NS402", f"group_norm expects (B, C, …), received {x}")
        return known(self, x.shape[1], "a channel axis", x)

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        channels = self.channels(x)
        if channels % self.num_groups:
            raise bad_input(
                "NS403",
                f"group_norm num_groups {self.num_groups} does not divide {channels} channels",
                f"use a divisor of {channels}",
            )
        if self.values(x) == 1:
            raise bad_input(
                "NS403",
                f"group_norm expects more than one value in a group, received {x}",
                "the variance of one value is 0; use fewer groups",
            )
        return x

    def values(self, x: TensorType) -> Size:
        """How many values a group has; of one alone, the variance is 0."""
        return product(x.shape[2:]) * (self.channels(x) // self.num_groups)

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        return [(self.values(inputs[0]), 2)]

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        size = (self.channels(inputs[0]),)
        return {"weight": Weight(size), "bias": Weight(size)} if self.affine else {}

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        units = (Units("output", self.channels(inputs[0]), blocks=self.num_groups),)
        return dict.fromkeys(self.weights(*inputs), (units,))

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return tuple(r and r.everywhere() for r in reaches[0])

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.GroupNorm(self.num_groups, self.channels(inputs[0]), self.eps, self.affine)

    def to_onnx(self, build: OnnxBuilder) -> str:
        # A group's channels laid in a row are one channel of an instance norm; (B, G, −1) needs no size but G.
        # ONNX's own GroupNormalization is slower: runtimes expand it into a dozen small nodes.
        [x] = build.inputs
        flat = build.op("Reshape", [x, build.const([0, self.num_groups, -1], "int64")])
        ones, zeros = onnx_number(build, [1.0] * self.num_groups), onnx_number(build, [0.0] * self.num_groups)
        # Where squares go beyond float32 torch gives NaN, onnxruntime 1/√∞ · x = 0: ∞ · 0 is added there, 0 elsewhere.
        squares = build.op("ReduceSumSquare", [flat, build.const([2], "int64")], keepdims=1)
        flat = build.op("InstanceNormalization", [flat, ones, zeros], epsilon=self.eps)
        flat = build.op("Add", [flat, build.op("Mul", [squares, onnx_number(build, 0.0)])])
        y = build.op("Reshape", [flat, build.op("Shape", [x])])
        if not self.affine:
            return y
        shape = build.const([-1] + [1] * (build.types[0].rank - 2), "int64")
        scale, shift = (build.op("Reshape", [build.weight(name), shape]) for name in ("weight", "bias"))
        return build.op("Add", [build.op("Mul", [y, scale]), shift])
