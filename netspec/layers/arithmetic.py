"""Sums, products and mixtures of tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

from netspec.layers.axes import one_dtype
from netspec.layers.base import (
    Example,
    Layer,
    OnnxBuilder,
    Reach,
    Reaches,
    TorchBuilder,
    Types,
    bad_input,
    kind,
    union_reach,
)
from netspec.shapes.dim import Size
from netspec.shapes.tensor import BATCH, TensorType


def broadcast(verb: str, inputs: Types) -> TensorType:
    """The shape of all together: equal axes, or 1 stretched to the other's size.  Raises NS401."""
    first = inputs[0]
    shape = list(first.shape)
    for x in inputs[1:]:
        if x.rank != first.rank or any(a != b and 1 not in (a, b) for a, b in zip(shape, x.shape, strict=True)):
            shapes = " and ".join(map(str, inputs)) if len(inputs) == 2 else ", ".join(map(str, inputs))
            hint = "bring both to one shape, for instance with `type: residual` and `shortcut: projection`"
            if x.rank != first.rank:
                hint = "the inputs need as many axes: add axes of size 1 with `reshape`"
            raise bad_input("NS401", f"cannot {verb} {shapes}", hint)
        shape = [b if a == 1 else a for a, b in zip(shape, x.shape, strict=True)]
    return first.with_shape(*shape)


def stretched_reach(reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
    """The union of what the inputs see; along a stretched axis every output position sees the one there is."""
    stretched: list[Reach | None] = []
    for axis, size in enumerate(outputs[0].shape[1:]):
        unstretched = tuple((r[axis],) for r, x in zip(reaches, inputs, strict=True) if x.shape[axis + 1] == size)
        [seen] = union_reach(unstretched, outputs[0].with_shape(BATCH, size))
        stretched.append(seen and seen.everywhere() if len(unstretched) < len(inputs) else seen)
    return tuple(stretched)


@dataclass(frozen=True)
class Elementwise(Layer):
    """What they share: one shape, or axes of size 1 that are stretched; whole numbers are welcome, bools are not."""

    onnx_name: ClassVar[str]
    floating: ClassVar[bool] = False
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 4]", "[3, 4]")),
        Example("", ("[3, T, 2]", "[3, 1, 1]", "[1, T, 2]")),
        Example("", ("{shape: [3], dtype: int64}", "{shape: [3], dtype: int64}")),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        one_dtype(self, inputs)
        if inputs[0].dtype == "bool":
            raise bad_input("NS405", f"{self.kind} expects numbers, received bool {inputs[0]}")
        return broadcast(self.kind, inputs)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return stretched_reach(reaches, inputs, outputs)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return reduce(lambda a, b: build.op(self.onnx_name, [a, b]), build.inputs)


@kind("add")
class Add(Elementwise):
    """y = a + b + …, element by element; an axis of size 1 is stretched to the others' size.

    (B, …), (B, …) -> (B, …).  Raises NS401 when the shapes do not agree, NS405 when the element types differ.
    """

    onnx_name: ClassVar[str] = "Add"
    commutative: ClassVar[bool] = True

    def to_torch(self, build: TorchBuilder) -> Any:
        return reduce(lambda a, b: a + b, build.inputs)


@kind("multiply")
class Multiply(Elementwise):
    """y = a · b · …, element by element; an axis of size 1 is stretched to the others' size.

    (B, …), (B, …) -> (B, …).  Raises NS401 when the shapes do not agree, NS405 when the element types differ.
    """

    onnx_name: ClassVar[str] = "Mul"
    commutative: ClassVar[bool] = True

    def products(self, inputs: Types, output: TensorType) -> Size:
        """How many products of activations one sample has."""
        return output.numel() * (len(inputs) - 1)

    def flops(self, inputs: Types, outputs: Types) -> Size:
        """None where an input has the output's shape already, a gate; the graph counts a gate that is summed."""
        gate = any(x.shape == outputs[0].shape for x in inputs)
        return 0 if gate else self.products(inputs, outputs[0])

    def to_torch(self, build: TorchBuilder) -> Any:
        return reduce(lambda a, b: a * b, build.inputs)


@kind("subtract")
class Subtract(Elementwise):
    """y = a − b, element by element; an axis of size 1 is stretched to the other's size.

    (B, …), (B, …) -> (B, …).  Raises NS401 when the shapes do not agree, NS405 when the element types differ.
    """

    onnx_name: ClassVar[str] = "Sub"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 4]", "[3, 4]")),
        Example("", ("[3, 1, 2]", "[3, T, 1]")),
    )

    def to_torch(self, build: TorchBuilder) -> Any:
        a, b = build.inputs
        return a - b


@kind("lerp")
class Lerp(Layer):
    """y = start + weight·(end − start), element by element: start where weight is 0, end where it is 1.

    Three inputs, `start`, `end` and `weight`, of one shape, or with axes of size 1 that are stretched.
    Highway networks are this: F·τ + S·(1 − τ) with start S, end F, weight τ (Srivastava et al. 2015, arXiv:1505.00387).
    Raises NS401 when the shapes do not agree, NS405 when the element types differ.
    """

    ports: ClassVar[tuple[str, ...]] = ("start", "end", "weight")
    arity: ClassVar[tuple[int, int | None]] = (3, 3)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[3, 4]", "[3, 4]", "[3, 4]")),
        Example("", ("[T, 4]", "[T, 4]", "[T, 1]"), wiring="from: {weight: c, start: a, end: b}"),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        one_dtype(self, inputs)
        return broadcast("lerp", inputs)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return stretched_reach(reaches, inputs, outputs)

    def to_torch(self, build: TorchBuilder) -> Any:
        start, end, weight = build.inputs
        return start + weight * (end - start)  # torch.lerp refuses the mixed types of autocast

    def to_onnx(self, build: OnnxBuilder) -> str:
        start, end, weight = build.inputs
        return build.op("Add", [start, build.op("Mul", [weight, build.op("Sub", [end, start])])])
