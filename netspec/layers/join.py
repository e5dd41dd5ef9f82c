"""Several tensors as one: behind each other along an axis, or along a new one."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.axes import BATCH_HINT, axis_of, one_dtype
from netspec.layers.base import Example, Layer, OnnxBuilder, Reach, Reaches, TorchBuilder, Types, bad_input, kind
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType


@kind("concat")
class Concat(Layer):
    """The inputs behind each other along the axis `dim` (the batch is axis 0; channels, 1, where left out).

    (B, a, …), (B, b, …) -> (B, a + b, …).  Raises NS401 when another axis differs, NS402 when there is no such axis,
    NS405 when the element types differ.
    """

    dim: int = 1

    floating: ClassVar[bool] = False
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    moves: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[2, 3]", "[4, 3]")),
        Example("dim: -1", ("[T, 3]", "[T, 1]", "[T, 2]")),
        Example("", ("[T, 2]", "[3, 2]")),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        one_dtype(self, inputs)
        axis = axis_of(self, self.dim, first)
        for other in inputs[1:]:
            same = other.rank == first.rank and all(
                a == b for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)) if i != axis
            )
            if not same:
                raise bad_input(
                    "NS401",
                    f"cannot concat {first} and {other} along axis {axis}",
                    f"all axes but {axis} have to agree; {BATCH_HINT}",
                )
        total: Size = 0
        for x in inputs:
            total = total + x.shape[axis]
        return first.with_shape(*first.shape[:axis], total, *first.shape[axis + 1 :])

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dim": axis_of(self, self.dim, inputs[0])}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        # Output position i along the axis is position i − offset of the input that begins at offset.
        axis = axis_of(self, self.dim, inputs[0]) - 1
        offset: Size = 0
        moved = []
        for x, reach in zip(inputs, reaches, strict=True):
            along = reach[axis]
            shifted: Reach | None = along.window(-offset, -offset, 1) if along and isinstance(offset, int) else None
            moved.append((*reach[:axis], shifted, *reach[axis + 1 :]))
            offset = offset + x.shape[axis + 1]
        return super().reach(tuple(moved), inputs, outputs)

    def to_torch(self, build: TorchBuilder) -> Any:
        import torch

        return torch.cat(list(build.inputs), dim=self.dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Concat", build.inputs, axis=self.dim)


@kind("stack")
class Stack(Layer):
    """The inputs along a new axis `dim` of the output (the batch is axis 0; 1 where left out).

    n times (B, …) -> (B, n, …).  Raises NS401 when the shapes differ, NS402 when the output has no such axis,
    NS405 when the element types differ.
    """

    dim: int = 1

    floating: ClassVar[bool] = False
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    moves: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3]", "[3]")),
        Example("dim: -1", ("[T, 3]", "[T, 3]", "[T, 3]")),
    )

    def axis(self, x: TensorType) -> int:
        """The new axis.  Raises NS402."""
        return axis_of(self, self.dim, x, rank=x.rank + 1)

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        one_dtype(self, inputs)
        axis = self.axis(first)
        for other in inputs[1:]:
            if other.shape != first.shape:
                raise bad_input("NS401", f"cannot stack {first} and {other}", "bring all to one shape, or use `concat`")
        return first.with_shape(*first.shape[:axis], len(inputs), *first.shape[axis:])

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dim": self.axis(inputs[0])}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        axis = self.axis(inputs[0])
        reach = super().reach(reaches, inputs, inputs)
        return (*reach[: axis - 1], None, *reach[axis - 1 :])

    def to_torch(self, build: TorchBuilder) -> Any:
        import torch

        return torch.stack(list(build.inputs), dim=self.dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        axes = build.const([self.axis(build.types[0])], "int64")
        return build.op(
            "Concat", [build.op("Unsqueeze", [x, axes]) for x in build.inputs], axis=self.axis(build.types[0])
        )
