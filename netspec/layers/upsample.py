"""Resampling of images and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, lcm
from typing import Any, ClassVar, Literal

from netspec.layers.axes import times
from netspec.layers.base import Example, Layer, OnnxBuilder, Reach, Reaches, TorchBuilder, Types, bad_input, kind
from netspec.layers.windows import AXES
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
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
            wanted = " or ".join(AXES[rank - 2] for rank in RANKS[self.mode])
            by_rank = {3: "mode linear", 4: "mode bilinear or bicubic", 5: "mode trilinear"}
            hint = f"use {by_rank[x.rank]}" if x.rank in by_rank else ""
            raise bad_input("NS402", f"upsample with mode {self.mode} expects {wanted}, received {x}", hint)
        if (self.scale_factor is None) == (self.size is None):
            raise bad_input("NS403", "upsample expects one of `scale_factor` and `size`")
        if self.align_corners and self.mode == "nearest":
            raise bad_input("NS403", "upsample with mode nearest has no align_corners", "use a linear or cubic mode")
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
                raise bad_input(
                    "NS402",
                    f"upsample by {scale:g} expects an axis of known size, received {x}",
                    "use a scale such as 2, 1.5 or 0.25, or give the axis a number",
                )
            sizes.append(size)
        return sizes

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        rows = zip(
            reaches[0][1:], inputs[0].shape[2:], outputs[0].shape[2:], self.scales(inputs[0].rank - 2), strict=True
        )
        return (reaches[0][0], *(self.axis_reach(*row) for row in rows))

    def axis_reach(self, reach: Reach | None, n: Size, out: Size, scale: float) -> Reach | None:
        """Output i is read at u = step·i + shift, a multiple of `grid`, from so many neighbours."""
        if reach is None:
            return None
        if self.size is None and not self.align_corners:
            step = 1 / Fraction(scale)
        elif isinstance(n, int) and isinstance(out, int):
            step = Fraction(n - 1, max(out - 1, 1)) if self.align_corners else Fraction(n, out)
        else:
            return None  # how fast it moves depends on the size
        from_start = self.align_corners or self.mode == "nearest"
        shift = Fraction(0) if from_start else (step - 1) / 2
        grid = Fraction(1, lcm(step.denominator, shift.denominator))
        if self.mode == "nearest":  # ⌊u⌋
            return reach.window(shift - 1 + grid, shift, step)
        taps = 2 if self.mode == "bicubic" else 1  # a neighbour at exactly this distance has weight 0
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
            how = ["", build.const(list(self.sizes(build.types[0])), "int64")]
        return build.op(
            "Resize",
            [x, "", *how],
            axes=axes,
            mode=ONNX_MODES.get(self.mode, "linear"),
            coordinate_transformation_mode=place,
            nearest_mode="floor" if self.mode == "nearest" else None,
        )
