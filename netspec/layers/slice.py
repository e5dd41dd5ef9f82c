"""Parts of a tensor along one axis: slice and split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from netspec.layers.axes import axis_of
from netspec.layers.base import Example, Layer, OnnxBuilder, Reach, Reaches, TorchBuilder, Types, bad_input, kind
from netspec.layers.onnx_ops import onnx_slice
from netspec.shapes.dim import Size, exact_div
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive

END = 2**63 - 1  # ONNX's way to say "to the end"


@kind("slice")
class Slice(Layer):
    """y_i = x_(start + step·i) along the axis `dim` (the batch is axis 0), up to but without `stop`, as Python counts.

    Negative start and stop count from the end; left out, they are the ends.
    (B, …, n, …) -> (B, …, ⌈(stop − start)/step⌉, …).
    A named axis has to be so long that start and stop lie inside and something is left.
    Raises NS402 when there is no such axis, NS403 when start or stop lie outside or nothing is left.
    """

    dim: int
    start: int = 0
    stop: int | None = None
    step: Positive = 1

    floating: ClassVar[bool] = False
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("dim: 1, start: 1, stop: 4", ("[5, 2]",)),
        Example("dim: 1, start: 1, step: 2", ("[T, 2]",)),
        Example("dim: -2, start: -3, stop: -1", ("[T, 2]",)),
        Example("dim: 1, stop: -1", ("[T]",)),
    )

    def bounds(self, size: Size) -> tuple[Size, Size]:
        """Start and stop, counted from 0; they may lie outside."""
        start = size + self.start if self.start < 0 else self.start
        stop = size if self.stop is None else size + self.stop if self.stop < 0 else self.stop
        return start, stop

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        axis = axis_of(self, self.dim, x)
        size = x.shape[axis]
        start, stop = self.bounds(size)
        count = stop - start
        text = f"slice {self.start}:{'' if self.stop is None else self.stop} of axis {axis} of {x}"
        for bound in (start, stop):
            over = bound - size
            if (isinstance(bound, int) and bound < 0) or (isinstance(over, int) and over > 0):
                raise bad_input("NS403", f"{text} reaches outside: the axis has {size} positions")
        if isinstance(count, int) and count <= 0:
            raise bad_input("NS403", f"{text} is empty: it begins at {start} and ends before {stop}")
        return x.with_shape(*x.shape[:axis], (count + self.step - 1) // self.step, *x.shape[axis + 1 :])

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        size = inputs[0].shape[axis_of(self, self.dim, inputs[0])]
        start, stop = self.bounds(size)
        return [(start, 0), (size - stop, 0)]  # torch and ONNX cut the slice short outside

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"dim": axis_of(self, self.dim, inputs[0])}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        axis = axis_of(self, self.dim, inputs[0])
        start, _ = self.bounds(inputs[0].shape[axis])
        along = reaches[0][axis - 1]
        moved = along.window(start, start, self.step) if along and isinstance(start, int) else None
        return (*reaches[0][: axis - 1], moved, *reaches[0][axis:])

    def to_torch(self, build: TorchBuilder) -> Any:
        axis = axis_of(self, self.dim, build.types[0])
        before = (slice(None),) * axis
        part = slice(self.start or None, self.stop, self.step if self.step > 1 else None)
        return build.inputs[0][(*before, part)]

    def to_onnx(self, build: OnnxBuilder) -> str:
        start = build.const([self.start], "int64")
        stop = build.const([END if self.stop is None else self.stop], "int64")
        return onnx_slice(build, build.inputs[0], axis_of(self, self.dim, build.types[0]), start, stop, self.step)


@kind("split")
class Split(Layer):
    """The parts of x along the axis `dim` (the batch is axis 0): `num` equal ones, or `sizes`; ports "0", "1", …

    (B, …, n, …) -> one (B, …, sizes[i], …) a port.  Raises NS402 when there is no such axis, NS403 when num does not
    divide n, the sizes do not sum to n, or not exactly one of both is given.
    """

    dim: int
    sizes: tuple[Positive, ...] | None = None
    num: Positive | None = None

    floating: ClassVar[bool] = False
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("dim: 1, num: 2", ("[6, 2]",)),
        Example("dim: -1, sizes: [1, 3]", ("[T, 4]",)),
        Example("dim: 2, num: 2", ("[T, 4, T]",)),
    )

    def parts(self, x: TensorType) -> tuple[Size, ...]:
        """The size of each part."""
        size = x.shape[axis_of(self, self.dim, x)]
        if self.sizes is not None and self.num is None and self.sizes:
            if sum(self.sizes) != size:
                total = " + ".join(map(str, self.sizes))
                raise bad_input("NS403", f"split of axis {self.dim} of {x}: {total} = {sum(self.sizes)} is not {size}")
            return self.sizes
        if self.num is None or self.sizes is not None:
            raise bad_input("NS403", "split expects one of `num` and `sizes`", "`num: 2` halves the axis")
        part = exact_div(size, self.num)
        if part is None:
            raise bad_input(
                "NS403",
                f"split of axis {self.dim} of {x}: {size} does not divide into {self.num} equal parts",
                "give the `sizes`",
            )
        return (part,) * self.num

    def has_port(self, port: str) -> bool:
        return port.isdigit()

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        sizes = tuple(size if isinstance(size, int) else str(size) for size in self.parts(inputs[0]))
        return {"dim": axis_of(self, self.dim, inputs[0]), "sizes": sizes, "num": None}

    def infer(self, *inputs: TensorType) -> dict[str, TensorType]:
        [x] = inputs
        axis = axis_of(self, self.dim, x)
        return {
            str(i): x.with_shape(*x.shape[:axis], part, *x.shape[axis + 1 :]) for i, part in enumerate(self.parts(x))
        }

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        # One answer for all ports: position i of some part is position i + offset, and the offsets differ.
        axis = axis_of(self, self.dim, inputs[0])
        last = sum(part for part in self.parts(inputs[0])[:-1] if isinstance(part, int))
        along: Reach | None = reaches[0][axis - 1]
        along = along.window(0, last, 1) if along and isinstance(inputs[0].shape[axis], int) else None
        return (*reaches[0][: axis - 1], along, *reaches[0][axis:])

    def to_torch(self, build: TorchBuilder) -> Any:
        [x] = build.inputs
        if self.num is None:
            parts = x.split(list(self.parts(build.types[0])), dim=self.dim)
        else:
            parts = x.tensor_split(self.num, dim=self.dim)
        return {port: parts[i] for i, port in enumerate(build.outputs)}

    def to_onnx(self, build: OnnxBuilder) -> dict[str, str]:
        count = len(build.outputs)
        if self.sizes is None:
            parts = build.ops("Split", build.inputs, count, axis=self.dim, num_outputs=count)
        else:
            parts = build.ops("Split", [*build.inputs, build.const(list(self.sizes), "int64")], count, axis=self.dim)
        return dict(zip(build.outputs, parts, strict=True))
