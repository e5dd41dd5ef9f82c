"""Transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

from netspec.layers.axes import known, times
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, Weight, bad_input, kind
from netspec.layers.conv import channels_of
from netspec.layers.padding_modes import onnx_pad
from netspec.layers.weight_axes import Taps, Units, WeightAxes
from netspec.layers.windows import Count2, Count3, Positive2, Positive3, Window, per_axis
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Count, Positive


@dataclass(frozen=True)
class ConvTranspose(Layer):
    """What the transposed convolutions share: the gradient of a convolution by its input, used as a layer."""

    rank: ClassVar[int]
    weighted: ClassVar[bool] = True

    out_channels: Positive
    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] = 0
    output_padding: int | tuple[int, ...] = 0
    groups: Positive = 1
    bias: bool = True
    dilation: int | tuple[int, ...] = 1

    def windows(self) -> tuple[Window, ...]:
        """The windows of the convolution that this one turns around."""
        fields = (self.kernel_size, self.stride, self.padding, self.padding, self.dilation)
        return tuple(Window(*row) for row in zip(*(per_axis(f, self.rank) for f in fields), strict=True))

    def extra(self) -> tuple[int, ...]:
        """The output padding along each axis."""
        return per_axis(self.output_padding, self.rank)

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        channels_of(self, x, self.rank, self.groups, self.out_channels)
        sizes: list[Size] = []
        for n, w, extra in zip(x.shape[2:], self.windows(), self.extra(), strict=True):
            if extra >= max(w.stride, w.dilation):
                raise bad_input(
                    "NS403",
                    f"{self.kind} output_padding {extra} is not below stride {w.stride} or dilation {w.dilation}",
                    "it chooses between sizes that one stride apart give",
                )
            size = (n - 1) * w.stride - w.before - w.after + w.span + extra
            if isinstance(size, int) and size < 1:
                raise bad_input(
                    "NS403",
                    f"{self.kind} leaves nothing of an input of {times(x.shape[2:])}: "
                    f"({n} - 1)*{w.stride} - 2*{w.before} + {w.span} + {extra} = {size}",
                    "use less padding",
                )
            sizes.append(size)
        return x.with_shape(x.shape[0], self.out_channels, *sizes)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        channels = known(self, inputs[0].shape[1], "a channel axis", inputs[0])
        kernel = per_axis(self.kernel_size, self.rank)
        weights = {"weight": Weight((channels, self.out_channels // self.groups, *kernel))}
        return {**weights, "bias": Weight((self.out_channels,))} if self.bias else weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        channels = known(self, inputs[0].shape[1], "a channel axis", inputs[0])
        summed = Units("input", channels, summed=True, blocks=self.groups)
        units = Units("output", self.out_channels, blocks=self.groups)
        taps = (Taps(w.kernel, -w.before, w.dilation) for w in self.windows())
        return {"weight": ((summed,), (replace(units, within=True),), *taps), "bias": ((units,),)}

    def channel_axis(self, outputs: Types) -> int | None:
        return 1 if self.groups == 1 else None  # (in, out / groups, …)

    def flops(self, inputs: Types, outputs: Types) -> Size:
        # Every input value meets every weight of its channel once; what falls outside is counted too.
        return product(inputs[0].shape[2:]) * product(self.weights(*inputs)["weight"].shape)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        def turned(w: Window) -> tuple[Fraction, Fraction, Fraction]:
            # Output i reads j where i = stride·j − before + dilation·t.
            return Fraction(w.before - w.span + 1, w.stride), Fraction(w.before, w.stride), Fraction(1, w.stride)

        pairs = zip(reaches[0][1:], self.windows(), strict=True)
        return (None, *(reach and reach.window(*turned(w)) for reach, w in pairs))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, f"ConvTranspose{self.rank}d")(
            inputs[0].shape[1],
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.bias,
            self.dilation,
        )

    def to_onnx(self, build: OnnxBuilder) -> str:
        windows, extra = self.windows(), self.extra()
        weights = [build.weight(name) for name in self.weights(*build.types)]
        window = {
            "kernel_shape": [w.kernel for w in windows],
            "strides": [w.stride for w in windows],
            "dilations": [w.dilation for w in windows],
            "group": self.groups,
        }
        if all(e < w.stride for e, w in zip(extra, windows, strict=True)):
            pads = [w.before for w in windows] * 2
            return build.op("ConvTranspose", [*build.inputs, *weights], **window, pads=pads, output_padding=list(extra))
        # onnxruntime refuses an output padding that only the dilation allows: cut and fill the whole output instead.
        y = build.op("ConvTranspose", [*build.inputs, weights[0]], **window)
        y = onnx_pad(build, y, [(-w.before, e - w.after) for w, e in zip(windows, extra, strict=True)])
        if not self.bias:
            return y
        shape = build.const([-1] + [1] * self.rank, "int64")
        return build.op("Add", [y, build.op("Reshape", [weights[1], shape])])


@kind("conv_transpose1d")
class ConvTranspose1d(ConvTranspose):
    """y[o, stride·i − padding + dilation·t] += W[c, o, t] · x[c, i], and b[o] on all; c runs over the group's channels.

    (B, C, L) -> (B, out_channels, L′),
    L′ = (L − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1.
    Raises NS402 for an input of another rank or unknown channels, NS403 when nothing is left, the groups do not
    divide the channels, or output_padding is not below stride or dilation.  Zeiler et al. 2010.
    """

    rank: ClassVar[int] = 1
    kernel_size: Positive
    stride: Positive = 1
    padding: Count = 0
    output_padding: Count = 0
    dilation: Positive = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 3, kernel_size: 3", ("[2, 5]",)),
        Example(
            "out_channels: 4, kernel_size: 3, stride: 2, padding: 1, output_padding: 1, groups: 2, bias: false, "
            "dilation: 2",
            ("[2, T]",),
        ),
    )


@kind("conv_transpose2d")
class ConvTranspose2d(ConvTranspose):
    """y[o, stride·i − padding + dilation·t] += W[c, o, t] · x[c, i], and b[o] on all; i and t along height and width.

    (B, C, H, W) -> (B, out_channels, H′, W′), each n′ = (n − 1)·stride − 2·padding + dilation·(kernel_size − 1)
    + output_padding + 1.  Raises NS402 and NS403 as conv_transpose1d does.  Zeiler et al. 2010.
    """

    rank: ClassVar[int] = 2
    kernel_size: Positive2
    stride: Positive2 = 1
    padding: Count2 = 0
    output_padding: Count2 = 0
    dilation: Positive2 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 3, kernel_size: 2, stride: 2", ("[2, 3, 4]",)),
        Example(
            "out_channels: 4, kernel_size: [3, 4], stride: [2, 3], padding: [1, 0], output_padding: [1, 2], groups: 2, "
            "dilation: [1, 2], bias: false",
            ("[2, T, 4]",),
        ),
    )


@kind("conv_transpose3d")
class ConvTranspose3d(ConvTranspose):
    """y[o, stride·i − padding + dilation·t] += W[c, o, t] · x[c, i], and b[o] on all; i and t along three axes.

    (B, C, D, H, W) -> (B, out_channels, D′, H′, W′), each n′ as in conv_transpose2d.
    Raises NS402 and NS403 as conv_transpose1d does.  Zeiler et al. 2010.
    """

    rank: ClassVar[int] = 3
    kernel_size: Positive3
    stride: Positive3 = 1
    padding: Count3 = 0
    output_padding: Count3 = 0
    dilation: Positive3 = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example("out_channels: 2, kernel_size: 2, stride: 2", ("[2, 2, 3, 3]",)),
        Example(
            "out_channels: 2, kernel_size: [1, 3, 2], stride: [1, 2, 2], padding: [0, 1, 0], dilation: [1, 1, 2], "
            "output_padding: [0, 1, 0], groups: 2, bias: false",
            ("[2, T, 3, 2]",),
        ),
    )
