"""Pooling by windows: the largest or the mean value of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, bad_input, kind
from netspec.layers.onnx_ops import onnx_is_nan, onnx_nan_where
from netspec.layers.padding_modes import onnx_pad
from netspec.layers.windows import AXES, Count2, Count3, Positive2, Positive3, Window, per_axis, slide, slide_reach
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Count, Positive

LOWEST = -(2.0 - 2.0**-23) * 2.0**127  # of float32


@dataclass(frozen=True)
class Pool(Layer):
    """What the pools share; `rank` counts the axes that the window slides along."""

    rank: ClassVar[int]

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] = 0
    ceil_mode: bool = False

    def dilations(self) -> tuple[int, ...]:
        return (1,) * self.rank

    def windows(self) -> tuple[Window, ...]:
        """The window along each axis; what `ceil_mode` adds is padding behind."""
        kernels = per_axis(self.kernel_size, self.rank)
        strides = kernels if self.stride is None else per_axis(self.stride, self.rank)
        pads = per_axis(self.padding, self.rank)
        out = []
        for k, s, p, d in zip(kernels, strides, pads, self.dilations(), strict=True):
            # Rounding up lets a last window hang over by less than a stride, if it begins before the padding
            # behind does.  As padding, both conditions are one number, for known and for symbolic sizes.
            over = min(s - 1, d * (k - 1) - p) if self.ceil_mode else 0
            out.append(Window(k, s, p, p + over, d))
        return tuple(out)

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        return {"stride": tuple(w.stride for w in self.windows())}

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        need_rank(self, x, self.rank + 2, AXES[self.rank])
        windows = self.windows()
        for w in windows:
            if 2 * w.before > w.kernel:
                raise bad_input(
                    "NS403",
                    f"{self.kind} padding {w.before} is more than half of kernel {w.kernel}",
                    f"pad by at most {w.kernel // 2}: a window has to hold more than padding",
                )
        return x.with_shape(*x.shape[:2], *slide(self, x, windows, self.padding))

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return slide_reach(reaches[0], self.windows())

    def window_attributes(self) -> dict[str, list[int]]:
        """Kernel and strides in ONNX's words."""
        windows = self.windows()
        return {"kernel_shape": [w.kernel for w in windows], "strides": [w.stride for w in windows]}


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest value of each window."""

    dilation: int | tuple[int, ...] = 1

    def dilations(self) -> tuple[int, ...]:
        return per_axis(self.dilation, self.rank)

    def infer(self, *inputs: TensorType) -> TensorType:
        output = super().infer(*inputs)
        for size, least in self.needs(*inputs):
            if isinstance(size, int) and size < least:
                raise bad_input(
                    "NS403",
                    f"{self.kind} with padding and dilation {least} expects an axis of at least {least}, received "
                    f"{inputs[0]}",
                    "a window could step over the whole axis, and would hold nothing but padding",
                )
        return output

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        windows = zip(inputs[0].shape[2:], self.windows(), strict=True)
        return [(size, w.dilation) for size, w in windows if w.before]

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, f"MaxPool{self.rank}d")(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        pads = [(w.before, w.after) for w in self.windows()]
        if any(max(w.before, w.after) >= w.kernel for w in self.windows()):
            # onnxruntime takes no padding as wide as the kernel, which a dilated one may have.
            x, pads = onnx_pad(build, x, pads, value=float("-inf")), [(0, 0)] * self.rank
        ends = [before for before, _ in pads] + [after for _, after in pads]
        return onnx_max_pool(build, x, pads=ends, dilations=list(self.dilations()), **self.window_attributes())


def onnx_max_pool(build: OnnxBuilder, x: str, **attributes: list[int]) -> str:
    """MaxPool that keeps NaN, which onnxruntime passes over, and −∞, in place of which it gives the lowest float32.

    The second pool takes 0.4 ms of a ResNet's 64 x 112 x 112 values, the first 0.15.
    """
    y = build.op("MaxPool", [x], **attributes)
    counted = build.op("MaxPool", [onnx_is_nan(build, x)], **attributes)
    lowest = build.op("Equal", [y, build.const(LOWEST)])
    return onnx_nan_where(build, counted, build.op("Where", [lowest, build.const(float("-inf")), y]))


@dataclass(frozen=True)
class AvgPool(Pool):
    """The mean value of each window."""

    sums: ClassVar[bool] = True

    count_include_pad: bool = True

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, f"AvgPool{self.rank}d")(
            self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        before = [w.before for w in self.windows()]
        after = [w.after for w in self.windows()]
        if self.count_include_pad and before != after:
            # The padding counts, but what rounding up adds behind it does not.
            x = onnx_pad(build, x, [(p, p) for p in before])
            after = [a - p for a, p in zip(after, before, strict=True)]
            before = [0] * self.rank
        counted = int(self.count_include_pad and before == after)
        return build.op("AveragePool", [x], pads=before + after, count_include_pad=counted, **self.window_attributes())


@kind("max_pool1d")
class MaxPool1d(MaxPool):
    """y[c, i] = max over t of x[c, stride·i − padding + dilation·t], t in 0 … kernel_size − 1; padding never wins.

    (B, C, L) -> (B, C, L′), L′ = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1; `ceil_mode`
    rounds up as long as the last window begins in the input.  stride: kernel_size where left out.
    Raises NS402 for an input of another rank, NS403 when the kernel does not fit or could hold nothing but padding.
    """

    rank: ClassVar[int] = 1
    kernel_size: Positive
    stride: Positive | None = None
    padding: Count = 0
    dilation: Positive = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[3, 7]",)),
        Example("kernel_size: 3, stride: 2, padding: 1, dilation: 2, ceil_mode: true", ("[3, T]",)),
        Example("kernel_size: 3, stride: 5, padding: 1, dilation: 3, ceil_mode: true", ("[3, T]",)),
    )


@kind("max_pool2d")
class MaxPool2d(MaxPool):
    """y[c, i] = max over t of x[c, stride·i − padding + dilation·t], i and t along height and width.

    (B, C, H, W) -> (B, C, H′, W′), each n′ = ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1;
    `ceil_mode` rounds up as long as the last window begins in the input.  stride: kernel_size where left out.
    Raises NS402 for an input of another rank, NS403 when the kernel does not fit.
    """

    rank: ClassVar[int] = 2
    kernel_size: Positive2
    stride: Positive2 | None = None
    padding: Count2 = 0
    dilation: Positive2 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[2, 5, 6]",)),
        Example(
            "kernel_size: [3, 2], stride: [2, 3], padding: [1, 0], dilation: [1, 2], ceil_mode: true", ("[2, T, 9]",)
        ),
    )


@kind("max_pool3d")
class MaxPool3d(MaxPool):
    """y[c, i] = max over t of x[c, stride·i − padding + dilation·t], i and t along depth, height and width.

    (B, C, D, H, W) -> (B, C, D′, H′, W′), each n′ as in max_pool2d.  stride: kernel_size where left out.
    Raises NS402 for an input of another rank, NS403 when the kernel does not fit.
    """

    rank: ClassVar[int] = 3
    kernel_size: Positive3
    stride: Positive3 | None = None
    padding: Count3 = 0
    dilation: Positive3 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[2, 4, 4, 5]",)),
        Example(
            "kernel_size: [1, 3, 2], stride: 2, padding: [0, 1, 1], dilation: [1, 1, 2], ceil_mode: true",
            ("[2, T, 4, 5]",),
        ),
    )


@kind("avg_pool1d")
class AvgPool1d(AvgPool):
    """y[c, i] = mean over t of x[c, stride·i − padding + t], t in 0 … kernel_size − 1.

    (B, C, L) -> (B, C, L′), L′ = ⌊(L + 2·padding − kernel_size) / stride⌋ + 1; `ceil_mode` rounds up as long as the
    last window begins in the input.  `count_include_pad: false` divides by the values that are no padding.
    Raises NS402 for an input of another rank, NS403 when the kernel does not fit.
    """

    rank: ClassVar[int] = 1
    kernel_size: Positive
    stride: Positive | None = None
    padding: Count = 0

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[3, 7]",)),
        Example("kernel_size: 3, stride: 2, padding: 1, ceil_mode: true", ("[3, T]",)),
        Example("kernel_size: 3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false", ("[3, T]",)),
        Example("kernel_size: 3, stride: 1, padding: 1", ("[3, T]",)),
    )


@kind("avg_pool2d")
class AvgPool2d(AvgPool):
    """y[c, i] = mean over t of x[c, stride·i − padding + t], i and t along height and width.

    (B, C, H, W) -> (B, C, H′, W′), each n′ = ⌊(n + 2·padding − kernel_size) / stride⌋ + 1, with `ceil_mode` and
    `count_include_pad` as in avg_pool1d.
    Raises NS402 for an input of another rank, NS403 when the kernel does not fit.
    """

    rank: ClassVar[int] = 2
    kernel_size: Positive2
    stride: Positive2 | None = None
    padding: Count2 = 0

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[2, 5, 6]",)),
        Example("kernel_size: [3, 2], stride: [2, 3], padding: [1, 0], ceil_mode: true", ("[2, T, 6]",)),
        Example("kernel_size: 3, stride: 2, padding: 1, count_include_pad: false", ("[2, T, 6]",)),
    )


@kind("avg_pool3d")
class AvgPool3d(AvgPool):
    """y[c, i] = mean over t of x[c, stride·i − padding + t], i and t along depth, height and width.

    (B, C, D, H, W) -> (B, C, D′, H′, W′), each n′ as in avg_pool2d.
    Raises NS402 for an input of another rank, NS403 when the kernel is larger than the input, padding not counted.
    """

    rank: ClassVar[int] = 3
    kernel_size: Positive3
    stride: Positive3 | None = None
    padding: Count3 = 0

    examples: ClassVar[tuple[Example, ...]] = (
        Example("kernel_size: 2", ("[2, 4, 4, 5]",)),
        Example(
            "kernel_size: [1, 3, 2], stride: 2, padding: [0, 1, 1], ceil_mode: true, count_include_pad: false",
            ("[2, T, 4, 5]",),
        ),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        output = super().infer(*inputs)
        for size, least in self.needs(*inputs):
            if isinstance(size, int) and size < least:
                raise bad_input(
                    "NS403",
                    f"{self.kind} with kernel {least} expects an axis of at least {least}, received {inputs[0]}",
                    "torch pools volumes in windows no larger than the input, its padding not counted",
                )
        return output

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        return [(size, w.kernel) for size, w in zip(inputs[0].shape[2:], self.windows(), strict=True)]
