"""The same values under other axes: flatten, reshape, permute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from netspec.layers.axes import axis_of, kept_reach, torch_reshape
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, bad_input, kind
from netspec.layers.onnx_ops import onnx_reshape
from netspec.shapes.dim import Size, exact_div, product, symbol
from netspec.shapes.tensor import TensorType
from netspec.source.records import Limit


@kind("flatten")
class Flatten(Layer):
    """The axes start_dim … end_dim as one, the last moving fastest (the batch is axis 0).

    (B, a, b, …) -> (B, a·b·…).  Raises NS402 when there is no such axis or end_dim comes before start_dim.
    """

    start_dim: int = 1
    end_dim: int = -1

    floating: ClassVar[bool] = False
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[2, 3, 4]",)),
        Example("", ("[T, 3]",)),
        Example("start_dim: 2, end_dim: 3", ("[T, 2, 3, W]",), ({"T": 3, "W": 2}, {"T": 4, "W": 5})),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if x.rank == 1:
            raise bad_input("NS402", f"flatten expects an axis behind the batch, received {x}")
        start, end = (axis_of(self, dim, x) for dim in (self.start_dim, self.end_dim))
        if end < start:
            raise bad_input(
                "NS402", f"flatten expects start_dim before end_dim, received axes {start} and {end} of {x}"
            )
        return x.with_shape(*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :])

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {name: axis_of(self, getattr(self, name), inputs[0]) for name in ("start_dim", "end_dim")}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return kept_reach(reaches[0], inputs[0].shape[1:], outputs[0].shape[1:])

    def to_torch(self, build: TorchBuilder) -> Any:
        return build.inputs[0].flatten(self.start_dim, self.end_dim)

    def to_onnx(self, build: OnnxBuilder) -> str:
        if build.output.rank == 2:
            return build.op("Flatten", build.inputs, axis=1)
        return onnx_reshape(build, build.inputs[0], build.output.shape)


@kind("reshape")
class Reshape(Layer):
    """The same values in the same order under other axes.

    (B, …) -> (B, *shape).  `shape` are the axes behind the batch: numbers, names of axes of the input such as T, and
    one -1 for what is left.  Raises NS402 for a name that the input has not, NS403 when the sizes do not come to as
    many values.
    """

    shape: tuple[Annotated[int, Limit(minimum=-1)] | str, ...]

    floating: ClassVar[bool] = False
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("shape: [3, 4]", ("[12]",)),
        Example("shape: [T, 4, 2]", ("[T, 8]",)),
        Example("shape: [-1, 6]", ("[T, 2, 3]",)),
        Example("shape: [W, 2, T]", ("[T, 2, W]",), ({"T": 3, "W": 2}, {"T": 4, "W": 5})),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        sizes = [self.size(s, x) for s in self.shape]
        asked = "[" + ", ".join(map(str, self.shape)) + "]"
        if sizes.count(-1) > 1 or 0 in sizes:
            raise bad_input("NS403", f"reshape expects positive sizes and at most one -1, received {asked}")
        rest = product(tuple(s for s in sizes if s != -1))
        total = x.numel()
        if -1 in sizes:
            left = exact_div(total, rest)
            if left is None:
                raise bad_input("NS403", f"reshape of {x} to {asked}: {total} values do not divide by {rest}")
            return x.with_shape(x.shape[0], *(left if s == -1 else s for s in sizes))
        if rest != total:
            raise bad_input(
                "NS403",
                f"reshape of {x} to {asked}: {total} values cannot become {rest}",
                "write -1 in place of one size to have it found",
            )
        return x.with_shape(x.shape[0], *sizes)

    def size(self, written: int | str, x: TensorType) -> Size:
        """One size of `shape`.  Raises NS402 for an unknown name."""
        if isinstance(written, int):
            return written
        if written not in x.symbols() or symbol(written) == x.shape[0]:
            names = sorted(name for name in x.symbols() if symbol(name) != x.shape[0])
            has = f"it has {', '.join(names)}" if names else "it has none"
            raise bad_input("NS402", f"reshape found no axis `{written}` in {x}", f"{has}; the batch is not written")
        return symbol(written)

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        sizes = self.infer(*inputs).shape[1:]
        return {"shape": tuple(size if isinstance(size, int) else str(size) for size in sizes)}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return kept_reach(reaches[0], inputs[0].shape[1:], outputs[0].shape[1:])

    def to_torch(self, build: TorchBuilder) -> Any:
        return torch_reshape(build, build.inputs[0], build.output.shape)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return onnx_reshape(build, build.inputs[0], build.output.shape)


@kind("permute")
class Permute(Layer):
    """The axes in another order: axis i of the output is axis dims[i] of the input; dims[0] is the batch, 0.

    (B, a, b) -> (B, b, a) for dims: [0, 2, 1].  Raises NS402 when dims are not all axes once, the batch first.
    """

    dims: tuple[int, ...]

    floating: ClassVar[bool] = False
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("dims: [0, 2, 1]", ("[3, 4]",)),
        Example("dims: [0, 3, -3, 2]", ("[T, 2, 5]",)),
    )

    def axes(self, x: TensorType) -> Sequence[int]:
        """The dims, counted from 0.  Raises NS402."""
        axes = [dim + x.rank if dim < 0 else dim for dim in self.dims]
        if axes[:1] != [0] or sorted(axes) != list(range(x.rank)):
            raise bad_input(
                "NS402",
                f"permute expects the axes 0 to {x.rank - 1} in some order and 0 first, received "
                f"{list(self.dims)} for {x}",
                "axes count the batch as 0, and the batch stays first",
            )
        return axes

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        return x.with_shape(*(x.shape[axis] for axis in self.axes(x)))

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dims": tuple(self.axes(inputs[0]))}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return tuple(reaches[0][axis - 1] for axis in self.axes(inputs[0])[1:])

    def to_torch(self, build: TorchBuilder) -> Any:
        return build.inputs[0].permute(*self.axes(build.types[0]))

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Transpose", build.inputs, perm=list(self.axes(build.types[0])))
