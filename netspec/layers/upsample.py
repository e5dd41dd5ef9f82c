"""Resampling of images and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Any, ClassVar, Literal

from netspec.layers.axes import times
from netspec.layers.base import (
    Example, Layer, OnnxBuilder, Reach, Reaches, TensorType, TorchBuilder, Types, bad_input, kind,
)  # fmt: skip
from netspec.shapes.dim import Size
from netspec.source.records import Above, Positive

RANKS = {"nearest": (3, 4, 5), "linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
ONNX_MODES = {"nearest": "nearest", "bicubic": "cubic"}  # else: linear


@kind("upsample")
class Upsample(Layer):
    """y[c, i] = x[c, ·] read at u = i / scale (nearest), else at u = (i + ½)/scale − ½, or at u = i·(n − 1)/(n′ − 1)
    with `align_corners`; nearest takes ⌊u⌋, linear, bilinear and trilinear weigh the two neighbours along each axis,
    bicubic four (a = −¾).

    (B, C, …) -> (B, C, …), each axis behind the channels n′ = ⌊n·scale_factor⌋, or `size`.
    Raises NS402 when the mode does not go with the rank or the size cannot be told, NS403 when not exactly one of
    scale_factor and size is given, their number is not that of the axes, or nothing is left.
    """

    scale_factor: Above | tuple[Above, ...] | None = None
    size: Positive | tuple[Positive, ...] | None = None
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"] = "nearest"
    align_corners: bool = False

    examples: ClassVar[tuple[Example, ...]] = (
        Example("scale_factor: 2", ("[2, 3, 4]",)),
        Example("scale_factor: [3, 2]", ("[2, T, 4]",)),
        Example("scale_factor: 1.5, mode: linear", ("[2, T]",)),
        Example("scale_factor: 2, mode: bilinear", ("[2, T, 3]",)),
        Example("scale_factor: 2, mode: bilinear, align_corners: true", ("[2, T, 3]",)),
        Example("size: [5, 7], mode: bicubic", ("[2, 4, 4]",)),
        Example("size: [2, 5], mode: bilinear", ("[2, T, 4]",)),
        Example("scale_factor: 2, mode: trilinear", ("[1, 2, 3, 2]",)),
        Example("size: 5", ("[1, 2, 3, 2]",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if x.rank not in RANKS[self.mode]:
            wants = {"nearest": "one to three axes", "linear": "(B, C, L)", "trilinear": "(B, C, D, H, W)"}
            raise bad_input("NS402", f"upsample with mode {self.mode} expects {wants.get(self.mode, '(B, C, H, W)')}"
                            f"{' behind (B, C)' if self.mode == 'nearest' else ''}, received {x}",
                            "linear goes with (B, C, L), bilinear and bicubic with (B, C, H, W), trilinear with (B, C, D, H, W)")  # fmt: skip
        if (self.scale_factor is None) == (self.size is None):
            raise bad_input("NS403", "upsample expects one of `scale_factor` and `size`")
        if self.align_corners and self.mode == "nearest":
            raise bad_input("NS403", "upsample with mode nearest has no align_corners", "choose linear, bilinear, bicubic or trilinear")
        given = self.size if self.scale_factor is None else self.scale_factor
        if isinstance(given, tuple) and len(given) != x.rank - 2:
            raise bad_input("NS403", f"upsample expects one number or {x.rank - 2}, received {list(given)} for {x}")
        return x.with_shape(*x.shape[:2], *self.sizes(x))

    def scales(self, count: int) -> Sequence[float]:
        """The scale factor of each axis."""
        scale = self.scale_factor
        return scale if isinstance(scale, tuple) else [scale or 1.0] * count

    def sizes(self, x: TensorType) -> Sequence[Size]:
        """The sizes behind the channels.  Raises NS402, NS403."""
        before = x.shape[2:]
        if self.size is not None:
            return self.size if isinstance(self.size, tuple) else [self.size] * len(before)
        sizes: list[Size] = []
        for n, scale in zip(before, self.scales(len(before)), strict=True):
            exact = Fraction(scale)
            if isinstance(n, int):
                size: Size = floor(n * scale)
                if size == 0:
                    raise bad_input("NS403", f"upsample by {scale:g} leaves nothing of an input of {times(before)}")
            elif exact.denominator <= 64:
                size = n * exact.numerator // exact.denominator
            else:  # 0.3 is no ratio of small whole numbers in binary, and ⌊n·0.3⌋ no formula of n
                raise bad_input("NS402", f"upsample by {scale:g} expects an axis of known size, received {x}",
                                "use a scale such as 2, 1.5 or 0.25, or give the axis a number in `inputs`")  # fmt: skip
            sizes.append(size)
        return sizes

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        rows = zip(reaches[0][1:], inputs[0].shape[2:], outputs[0].shape[2:], self.scales(inputs[0].rank - 2), strict=True)
        return (reaches[0][0], *(self.axis_reach(*row) for row in rows))

    def axis_reach(self, reach: Reach | None, n: Size, out: Size, scale: float) -> Reach | None:
        """Output i is read at step·i + shift, a multiple of 1/grid, from so many neighbours."""
        if reach is None or ((self.align_corners or self.size is not None) and not (isinstance(n, int) and isinstance(out, int))):
            return None
        if self.align_corners:
            step, shift = Fraction(int(str(n)) - 1, max(int(str(out)) - 1, 1)), Fraction(0)
        else:
            step = 1 / Fraction(scale) if self.size is None else Fraction(int(str(n)), int(str(out)))
            shift = Fraction(0) if self.mode == "nearest" else (step - 1) / 2
        grid = Fraction(1, (step.denominator * shift.denominator) // _gcd(step.denominator, shift.denominator))
        if self.mode == "nearest":  # the largest whole number not above
            return reach.window(shift - 1 + grid, shift, step)
        taps = 2 if self.mode == "bicubic" else 1
        return reach.window(shift - taps + grid, shift + taps - grid, step)

    def to_torch(self, build: TorchBuilder) -> Any:
        from torch import nn

        corners = None if self.mode == "nearest" else self.align_corners
        return build.module(nn.Upsample(self.size, self.scale_factor, self.mode, corners))

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        rank = build.types[0].rank - 2
        axes = list(range(2, rank + 2))
        place = "asymmetric" if self.mode == "nearest" else "align_corners" if self.align_corners else "half_pixel"
        if self.size is None:
            how = [build.const([float(s) for s in self.scales(rank)])]
        else:
            how = ["", build.const([s for s in self.sizes(build.types[0])], "int64")]
        return build.op(
            "Resize", [x, "", *how], axes=axes, mode=ONNX_MODES.get(self.mode, "linear"),
            coordinate_transformation_mode=place, nearest_mode="floor" if self.mode == "nearest" else None,
        )  # fmt: skip
