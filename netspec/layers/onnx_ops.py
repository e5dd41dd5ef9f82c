"""ONNX that several kinds write: reshapes, slices, constants, and NaN where onnxruntime passes over it."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.layers.base import OnnxBuilder
from netspec.shapes.dim import Size


def onnx_reshape(build: OnnxBuilder, x: str, shape: Sequence[Size]) -> str:
    """Reshape; the only size that is not a number is left to the runtime."""
    unknown = [size for size in shape[1:] if not isinstance(size, int)]
    if len(unknown) <= 1:
        batch = 0 if unknown else -1  # 0: as the input has it
        sizes = [batch, *[size if isinstance(size, int) else -1 for size in shape[1:]]]
        return build.op("Reshape", [x, build.const(sizes, "int64")])
    return build.op("Reshape", [x, build.shape(shape)])


def onnx_number(build: OnnxBuilder, value: object) -> str:
    """A constant in the first input's element type."""
    return build.const(value, build.types[0].dtype)


def onnx_max(build: OnnxBuilder, x: str, axes: Sequence[int], keepdims: bool = False) -> str:
    """The largest value along axes; NaN where there is one, which onnxruntime's ReduceMax passes over."""
    along = build.const(list(axes), "int64")
    counted = build.op("ReduceSum", [onnx_is_nan(build, x), along], keepdims=int(keepdims))
    return onnx_nan_where(build, counted, build.op("ReduceMax", [x, along], keepdims=int(keepdims)))


def onnx_is_nan(build: OnnxBuilder, x: str) -> str:
    """1 where there is NaN, else 0, as float32: runtimes have everything for that type, and it is the fastest."""
    return build.op("Cast", [build.op("IsNaN", [x])], to=1)


def onnx_nan_where(build: OnnxBuilder, counted: str, y: str) -> str:
    """NaN where something was counted, else y."""
    return build.op("Where", [build.op("Cast", [counted], to=9), build.const(float("nan")), y])


def onnx_slice(build: OnnxBuilder, x: str, axis: int, start: str, stop: str, step: int = 1) -> str:
    """x[…, start:stop:step, …] along one axis; start and stop are values of one number."""
    return build.op("Slice", [x, start, stop, build.const([axis], "int64"), build.const([step], "int64")])
