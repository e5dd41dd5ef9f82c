"""Activations along an axis: softmax and its logarithm, gated linear units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import axis_of
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, bad_input, kind
from netspec.shapes.dim import exact_div
from netspec.shapes.tensor import TensorType


@dataclass(frozen=True)
class AlongAxis(Layer):
    """What they share: the axis `dim` is seen whole."""

    dim: int = -1

    def infer(self, *inputs: TensorType) -> TensorType:
        axis_of(self, self.dim, inputs[0])
        return inputs[0]

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dim": axis_of(self, self.dim, inputs[0])}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        axis = axis_of(self, self.dim, inputs[0])
        return tuple(r and r.everywhere() if i == axis else r for i, r in enumerate(reaches[0], start=1))


@kind("softmax")
class Softmax(AlongAxis):
    """y_i = e^(x_i) / Σ_j e^(x_j) along the axis `dim` (the batch is axis 0; the last where left out).

    (B, …) -> the same.  Raises NS402 when there is no such axis.  Bridle 1990.
    """

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("dim: 1", ("[T, 3]",)))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.Softmax(self.dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Softmax", build.inputs, axis=self.dim)


@kind("log_softmax")
class LogSoftmax(AlongAxis):
    """y_i = x_i − ln Σ_j e^(x_j) along the axis `dim` (the batch is axis 0; the last where left out).

    (B, …) -> the same.  Raises NS402 when there is no such axis.
    """

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("dim: 1", ("[T, 3]",)))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.LogSoftmax(self.dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("LogSoftmax", build.inputs, axis=self.dim)


@kind("glu")
class Glu(AlongAxis):
    """y = a·σ(b), a and b the two halves of x along the axis `dim` (the batch is axis 0; the last where left out).

    (B, …, 2n) -> (B, …, n).  Raises NS402 when there is no such axis, NS403 when it has no two halves.
    Dauphin et al. 2016, arXiv:1612.08083.
    """

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("dim: 1", ("[6, T]",)))

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        axis = axis_of(self, self.dim, x)
        half = exact_div(x.shape[axis], 2)
        if half is None:
            raise bad_input(
                "NS403",
                f"glu halves axis {axis} of {x}, and {x.shape[axis]} is not even",
                "give the layer before it twice the features that you want",
            )
        return x.with_shape(*x.shape[:axis], half, *x.shape[axis + 1 :])

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.GLU(self.dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        a, b = build.ops("Split", build.inputs, 2, axis=self.dim, num_outputs=2)
        return build.op("Mul", [a, build.op("Sigmoid", [b])])
