"""Fully connected layers."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.axes import known
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, Weight, bad_input, kind
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.records import Positive


@kind("linear")
class Linear(Layer):
    """y = x Wᵀ + b.

    (B, …, in) -> (B, …, out_features).  W is (out, in), b is (out).
    Raises NS402 when the last axis has no known size, NS405 when the input is not floating.
    """

    out_features: Positive
    bias: bool = True

    weighted: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_features: 5"),
        Example("out_features: 3, bias: false", ("[T, 4]",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        known(self, x.shape[-1], "a last axis", x)
        return x.with_shape(*x.shape[:-1], self.out_features)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        size = known(self, inputs[0].shape[-1], "a last axis", inputs[0])
        weights = {"weight": Weight((self.out_features, size))}
        return {**weights, "bias": Weight((self.out_features,))} if self.bias else weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        [x] = inputs
        units = Units("output", self.out_features, outputs[0].rank - 1)
        summed = Units("input", known(self, x.shape[-1], "a last axis", x), x.rank - 1, summed=True)
        return {"weight": ((units,), (summed,)), "bias": ((units,),)}

    def channel_axis(self, outputs: Types) -> int | None:
        return 0 if outputs[0].rank == 2 else None  # of more axes the channels are the last

    def flops(self, inputs: Types, outputs: Types) -> Size:
        return product(inputs[0].shape[1:]) * self.out_features

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (*reaches[0][:-1], None)

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        size = known(self, inputs[0].shape[-1], "a last axis", inputs[0])
        return nn.Linear(size, self.out_features, bias=self.bias)

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        if build.types[0].rank == 2:
            bias = [build.weight("bias")] if self.bias else []
            return build.op("Gemm", [x, build.weight("weight"), *bias], transB=1)
        y = build.op("MatMul", [x, build.op("Transpose", [build.weight("weight")], perm=[1, 0])])
        return build.op("Add", [y, build.weight("bias")]) if self.bias else y


@kind("bilinear")
class Bilinear(Layer):
    """y_o = x₁ᵀ W_o x₂ + b_o.

    (B, …, in1), (B, …, in2) -> (B, …, out_features).  W is (out, in1, in2), b is (out).
    Raises NS401 when the axes before the last differ, NS402 when a last axis has no known size.
    """

    out_features: Positive
    bias: bool = True

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    weighted: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_features: 5", ("[3]", "[4]")),
        Example("out_features: 2, bias: false", ("[T, 3]", "[T, 4]")),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        known(self, a.shape[-1], "a last axis", a)
        known(self, b.shape[-1], "a last axis", b)
        if a.shape[:-1] != b.shape[:-1]:
            raise bad_input(
                "NS401",
                f"bilinear cannot pair {a} and {b}: {shape_text(a.shape[:-1])} is not {shape_text(b.shape[:-1])}",
                "only the last axes may differ",
            )
        return a.with_shape(*a.shape[:-1], self.out_features)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        sizes = [known(self, x.shape[-1], "a last axis", x) for x in inputs]
        weights = {"weight": Weight((self.out_features, *sizes))}
        return {**weights, "bias": Weight((self.out_features,))} if self.bias else weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        units = Units("output", self.out_features, outputs[0].rank - 1)
        summed = [
            (Units("input", known(self, x.shape[-1], "a last axis", x), x.rank - 1, (i,), summed=True),)
            for i, x in enumerate(inputs)
        ]
        return {"weight": ((units,), *summed), "bias": ((units,),)}

    def flops(self, inputs: Types, outputs: Types) -> Size:
        # x₁ᵀ W first, then its product with x₂.
        a, b = inputs
        return outputs[0].numel() * b.shape[-1] * (a.shape[-1] + 1)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (*super().reach(reaches, inputs, outputs)[:-1], None)

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        first, second = (known(self, x.shape[-1], "a last axis", x) for x in inputs)
        return nn.Bilinear(first, second, self.out_features, bias=self.bias)

    def to_onnx(self, build: OnnxBuilder) -> str:
        y = build.op("Einsum", [*build.inputs, build.weight("weight")], equation="...i,...j,oij->...o")
        return build.op("Add", [y, build.weight("bias")]) if self.bias else y
