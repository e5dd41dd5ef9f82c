"""Activations that learn their form: parametric ReLU and maxout."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.axes import known
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, Weight, bad_input, kind
from netspec.layers.onnx_ops import onnx_reshape
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive


@kind("prelu")
class Prelu(Layer):
    """y = max(0, x) + a·min(0, x) with a learned slope a, one for all or one a channel (`per_channel`).

    (B, C, …) -> the same; `weight` is (1) or (C), 0.25 at first.  Raises NS402 when the channels are unknown.
    He et al. 2015, arXiv:1502.01852.
    """

    per_channel: bool = False

    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example("per_channel: true", ("[3, T, 2]",)),
        Example("", ("[T, 2]",)),
    )

    def slopes(self, x: TensorType) -> int:
        """How many slopes there are."""
        if not self.per_channel:
            return 1
        if x.rank < 2:
            raise bad_input("NS402", f"prelu with per_channel expects (B, C, …), received {x}")
        return known(self, x.shape[1], "a channel axis", x)

    def infer(self, *inputs: TensorType) -> TensorType:
        self.slopes(inputs[0])
        return inputs[0]

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"weight": Weight((self.slopes(inputs[0]),))}

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        return {"weight": ((Units("output", self.slopes(inputs[0])),) if self.per_channel else None,)}

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.PReLU(self.slopes(inputs[0]))

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        slope = build.weight("weight")
        if self.per_channel and build.types[0].rank > 2:  # broadcast from the right: the axes behind the channel
            behind = list(range(1, build.types[0].rank - 1))
            slope = build.op("Unsqueeze", [slope, build.const(behind, "int64")])
        return build.op("PRelu", [x, slope])


@kind("maxout")
class Maxout(Layer):
    """y_j = max over k of (x·W_jk + b_jk), k in 0 … pieces − 1: a convex function that is learned.

    (B, …, in) -> (B, …, out_features).  `weight` is (out_features·pieces, in), the pieces of one output in a row;
    `bias` is (out_features·pieces).  Raises NS402 when the last axis has no known size.
    Goodfellow et al. 2013, arXiv:1302.4389.
    """

    out_features: Positive
    pieces: Positive = 2
    bias: bool = True

    weighted: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_features: 3"),
        Example("out_features: 2, pieces: 3, bias: false", ("[T, 4]",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        known(self, x.shape[-1], "a last axis", x)
        return x.with_shape(*x.shape[:-1], self.out_features)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        size = known(self, inputs[0].shape[-1], "a last axis", inputs[0])
        rows = self.out_features * self.pieces
        weights = {"weight": Weight((rows, size))}
        return {**weights, "bias": Weight((rows,))} if self.bias else weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        [x] = inputs
        units = Units("output", self.out_features, outputs[0].rank - 1, rows=self.pieces)
        summed = Units("input", known(self, x.shape[-1], "a last axis", x), x.rank - 1, summed=True)
        return {"weight": ((units,), (summed,)), "bias": ((units,),)}

    def flops(self, inputs: Types, outputs: Types) -> Size:
        return product(inputs[0].shape[1:]) * self.out_features * self.pieces

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (*reaches[0][:-1], None)

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        size = known(self, inputs[0].shape[-1], "a last axis", inputs[0])
        return nn.Linear(size, self.out_features * self.pieces, bias=self.bias)

    def to_torch(self, build: TorchBuilder) -> Any:
        return build.call().unflatten(-1, (self.out_features, self.pieces)).amax(-1)

    def to_onnx(self, build: OnnxBuilder) -> str:
        y = build.op("MatMul", [*build.inputs, build.op("Transpose", [build.weight("weight")], perm=[1, 0])])
        y = build.op("Add", [y, build.weight("bias")]) if self.bias else y
        y = onnx_reshape(build, y, (*build.output.shape, self.pieces))
        # Not ReduceMax, which passes over NaN.
        pieces = build.ops("Split", [y], self.pieces, axis=-1, num_outputs=self.pieces) if self.pieces > 1 else (y,)
        return build.op("Squeeze", [build.op("Max", pieces), build.const([-1], "int64")])
