"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from netspec.layers.axes import known, need_rank, times
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, Weight, bad_input, kind
from netspec.layers.padding_modes import PaddingMode, check_pad_mode, onnx_pad, pad_needs
from netspec.layers.weight_axes import Taps, Units, WeightAxes
from netspec.layers.windows import AXES, Count2, Count3, Positive2, Positive3, Window, per_axis, slide, slide_reach
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Count, Positive


def channels_of(layer: Layer, x: TensorType, rank: int, groups: int, out_channels: int) -> int:
    """The input's channels, checked against the groups.  Raises NS402, NS403."""
    need_rank(layer, x, rank + 2, AXES[rank])
    channels = known(layer, x.shape[1], "a channel axis", x)
    for count, side in ((channels, "input"), (out_channels, "output")):
        if count % groups:
            raise bad_input(
                "NS403",
                f"{layer.kind} groups {groups} does not divide {count} {side} channels",
                f"{count} = {count // groups}·{groups} + {count % groups}; use a divisor of it",
            )
    return channels


@dataclass(frozen=True)
class Conv(Layer):
    """What the convolutions share; `rank` counts the axes that the window slides along."""

    rank: ClassVar[int]
    weighted: ClassVar[bool] = True

    out_channels: Positive
    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = 0
    dilation: int | tuple[int, ...] = 1
    groups: Positive = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    def kernel(self) -> tuple[int, ...]:
        """The kernel's size along each axis."""
        return per_axis(self.kernel_size, self.rank)

    def windows(self) -> tuple[Window, ...]:
        """The window along each axis."""
        strides, dilations = per_axis(self.stride, self.rank), per_axis(self.dilation, self.rank)
        totals = [d * (k - 1) for k, d in zip(self.kernel(), dilations, strict=True)]
        if self.padding == "causal":
            pads = [(p, 0) for p in totals]
        elif self.padding == "same":  # torch puts the odd one behind
            pads = [(p // 2, p - p // 2) for p in totals]
        else:
            numbers = 0 if isinstance(self.padding, str) else self.padding
            pads = [(p, p) for p in per_axis(numbers, self.rank)]
        return tuple(Window(k, s, *p, d) for k, s, p, d in zip(self.kernel(), strides, pads, dilations, strict=True))

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        channels_of(self, x, self.rank, self.groups, self.out_channels)
        windows = self.windows()
        if self.padding == "same" and any(w.stride > 1 for w in windows):
            raise bad_input(
                "NS403",
                f"{self.kind} cannot keep the size with stride {self._text('stride')}",
                "`padding: same` needs stride 1; give the padding as a number",
            )
        if self.padding == "causal" and self.padding_mode != "zeros":
            raise bad_input(
                "NS403",
                f"{self.kind} cannot be causal with padding_mode {self.padding_mode}",
                "only zeros hold nothing of what comes later",
            )
        check_pad_mode(self, self.padding_mode, x.shape[2:], [(w.before, w.after) for w in windows])
        return x.with_shape(x.shape[0], self.out_channels, *slide(self, x, windows, self.padding))

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        windows = self.windows()
        even = all(w.before == w.after for w in windows)
        return {"padding": tuple(w.before for w in windows)} if even else {}

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        return pad_needs(self.padding_mode, inputs[0].shape[2:], [(w.before, w.after) for w in self.windows()])

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        return times(value) if isinstance(value, tuple) else str(value)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        channels = known(self, inputs[0].shape[1], "a channel axis", inputs[0])
        weights = {"weight": Weight((self.out_channels, channels // self.groups, *self.kernel()))}
        return {**weights, "bias": Weight((self.out_channels,))} if self.bias else weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        channels = known(self, inputs[0].shape[1], "a channel axis", inputs[0])
        units = Units("output", self.out_channels, blocks=self.groups)
        summed = Units("input", channels, summed=True, blocks=self.groups, within=True)
        taps = (Taps(w.kernel, -w.before, w.dilation) for w in self.windows())
        return {"weight": ((units,), (summed,), *taps), "bias": ((units,),)}

    def channel_axis(self, outputs: Types) -> int | None:
        return 0

    def flops(self, inputs: Types, outputs: Types) -> Size:
        weight = self.weights(*inputs)["weight"].shape
        return product(outputs[0].shape[2:]) * product(weight)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (None, *slide_reach(reaches[0][1:], self.windows()))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, f"Conv{self.rank}d")(
            inputs[0].shape[1],
            self.out_channels,
            self.kernel_size,
            self.stride,
            0 if self.padding == "causal" else self.padding,
            self.dilation,
            self.groups,
            self.bias,
            self.padding_mode,
        )

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        windows = self.windows()
        pads = [(w.before, w.after) for w in windows]
        if self.padding_mode != "zeros":
            x, pads = onnx_pad(build, x, pads, self.padding_mode), [(0, 0)] * self.rank
        return build.op(
            "Conv",
            [x, build.weight("weight"), *([build.weight("bias")] if self.bias else [])],
            kernel_shape=list(self.kernel()),
            strides=[w.stride for w in windows],
            dilations=[w.dilation for w in windows],
            group=self.groups,
            pads=[before for before, _ in pads] + [after for _, after in pads],
        )


@kind("conv1d")
class Conv1d(Conv):
    """y[o, i] = b[o] + Σ_c Σ_t W[o, c, t] · x[c, stride·i − padding + dilation·t]; c runs over the group's channels.

    (B, C, L) -> (B, out_channels, L′), L′ = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.
    `padding: same` keeps L; `padding: causal` pads dilation·(kernel_size − 1) zeros on the left, so that y[i]
    sees nothing behind x[i] (van den Oord et al. 2016, arXiv:1609.03499).
    Raises NS402 for an input of another rank or unknown channels, NS403 when the kernel does not fit or the
    groups do not divide the channels.
    """

    rank: ClassVar[int] = 1
    kernel_size: Positive
    stride: Positive = 1
    padding: Count | Literal["same", "valid", "causal"] = 0
    dilation: Positive = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 4, kernel_size: 3", ("[2, 8]",)),
        Example("out_channels: 4, kernel_size: 3, stride: 2, padding: 1, groups: 2, bias: false", ("[2, T]",)),
        Example("out_channels: 3, kernel_size: 3, dilation: 2, padding: causal", ("[2, T]",)),
        Example("out_channels: 3, kernel_size: 4, padding: same", ("[2, T]",)),
        Example("out_channels: 3, kernel_size: 3, padding: 2, padding_mode: circular", ("[2, T]",)),
    )

    def to_torch(self, build: TorchBuilder) -> Any:
        from torch.nn import functional as F

        if self.padding == "causal":
            return build.call(F.pad(build.inputs[0], (self.windows()[0].before, 0)))
        return build.call()


@kind("conv2d")
class Conv2d(Conv):
    """y[o, i] = b[o] + Σ_c Σ_t W[o, c, t] · x[c, stride·i − padding + dilation·t], i and t along height and width.

    (B, C, H, W) -> (B, out_channels, H′, W′), n′ = ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.
    `padding: same` keeps H and W; `padding_mode` says what stands outside: zeros, reflect, replicate, circular.
    Raises NS402 for an input of another rank or unknown channels, NS403 when the kernel does not fit or the
    groups do not divide the channels.  LeCun et al. 1989.
    """

    rank: ClassVar[int] = 2
    kernel_size: Positive2
    stride: Positive2 = 1
    padding: Count2 | Literal["same", "valid"] = 0
    dilation: Positive2 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 4, kernel_size: 3", ("[3, 6, 6]",)),
        Example(
            "out_channels: 4, kernel_size: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, "
            "bias: false",
            ("[2, T, 5]",),
        ),
        Example("out_channels: 2, kernel_size: 3, padding: same, padding_mode: reflect", ("[1, 5, 6]",)),
        Example(
            "out_channels: 2, kernel_size: [2, 3], padding: same", ("[1, T, W]",), ({"T": 5, "W": 4}, {"T": 8, "W": 7})
        ),
        Example("out_channels: 2, kernel_size: 3, padding: [1, 2], padding_mode: replicate", ("[1, 5, T]",)),
        Example("out_channels: 2, kernel_size: 2, padding: valid", ("[1, 5, 4]",)),
    )


@kind("conv3d")
class Conv3d(Conv):
    """y[o, i] = b[o] + Σ_c Σ_t W[o, c, t] · x[c, stride·i − padding + dilation·t], i and t along depth, height, width.

    (B, C, D, H, W) -> (B, out_channels, D′, H′, W′), each n′ as in conv2d.
    Raises NS402 for an input of another rank or unknown channels, NS403 when the kernel does not fit or the
    groups do not divide the channels.  Ji et al. 2013, Tran et al. 2015, arXiv:1412.0767.
    """

    rank: ClassVar[int] = 3
    kernel_size: Positive3
    stride: Positive3 = 1
    padding: Count3 | Literal["same", "valid"] = 0
    dilation: Positive3 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 3, kernel_size: 2", ("[2, 3, 4, 4]",)),
        Example(
            "out_channels: 4, kernel_size: [1, 3, 3], stride: [1, 2, 1], padding: [0, 1, 1], groups: 2, bias: false",
            ("[2, T, 4, 5]",),
        ),
        Example(
            "out_channels: 2, kernel_size: 2, padding: same, dilation: 2, padding_mode: circular", ("[1, 3, 4, 4]",)
        ),
    )
