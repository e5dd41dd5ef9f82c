"""Mean, largest value and sum along axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import axes_of
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, kind
from netspec.layers.onnx_ops import onnx_max
from netspec.shapes.tensor import TensorType


@dataclass(frozen=True)
class Reduction(Layer):
    """What they share: the axes `dim` are seen whole, and dropped or kept with size 1."""

    torch_name: ClassVar[str]
    onnx_name: ClassVar[str]
    examples: ClassVar[tuple[Example, ...]] = (
        Example("dim: 1", ("[3, 4]",)),
        Example("dim: [1, -1], keepdim: true", ("[T, 3, 2]",)),
        Example("dim: [2]", ("[3, T]",)),
    )

    dim: int | tuple[int, ...]
    keepdim: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        axes = axes_of(self, self.dim, x)
        sizes = [1 if i in axes else size for i, size in enumerate(x.shape)]
        return x.with_shape(*(size for i, size in enumerate(sizes) if self.keepdim or i not in axes))

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dim": axes_of(self, self.dim, inputs[0])}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        axes = axes_of(self, self.dim, inputs[0])
        seen = [(i, None if i in axes else reach) for i, reach in enumerate(reaches[0], start=1)]
        return tuple(reach for i, reach in seen if self.keepdim or i not in axes)

    def to_torch(self, build: TorchBuilder) -> Any:
        keep = {"keepdim": True} if self.keepdim else {}
        return getattr(build.inputs[0], self.torch_name)(self.dim, **keep)

    def to_onnx(self, build: OnnxBuilder) -> str:
        axes = build.const(list(axes_of(self, self.dim, build.types[0])), "int64")
        return build.op(self.onnx_name, [*build.inputs, axes], keepdims=int(self.keepdim))


@kind("mean")
class Mean(Reduction):
    """y = the mean along the axes `dim` (one or a list; the batch is axis 0), dropped, or of size 1 with `keepdim`.

    (B, a, b) -> (B, b) for dim 1.  Raises NS402 when there is no such axis.
    """

    sums: ClassVar[bool] = True
    torch_name: ClassVar[str] = "mean"
    onnx_name: ClassVar[str] = "ReduceMean"


@kind("max")
class Max(Reduction):
    """y = the largest value along the axes `dim` (one or a list; the batch is axis 0), dropped, or of size 1 with
    `keepdim`.  Equal largest values share the gradient.

    (B, a, b) -> (B, b) for dim 1.  Raises NS402 when there is no such axis.
    """

    torch_name: ClassVar[str] = "amax"

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        return onnx_max(build, x, axes_of(self, self.dim, build.types[0]), self.keepdim)


@kind("sum")
class Sum(Reduction):
    """y = the sum along the axes `dim` (one or a list; the batch is axis 0), dropped, or of size 1 with `keepdim`.

    (B, a, b) -> (B, b) for dim 1.  Raises NS402 when there is no such axis.
    """

    sums: ClassVar[bool] = True
    torch_name: ClassVar[str] = "sum"
    onnx_name: ClassVar[str] = "ReduceSum"
