"""Resampling of images and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, frexp, lcm
from typing import Any, ClassVar, Literal

from netspec.layers.axes import times
from netspec.layers.base import Example, Layer, OnnxBuilder, Reach, Reaches, Types, bad_input, kind
from netspec.layers.windows import AXES
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Above, Positive

RANKS = {"nearest": (3, 4, 5), "linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
RESIZE_MODES = {"nearest": "nearest", "bicubic": "cubic"}  # else: linear
SMALL = 128  # H′ + W′ up to which torch takes another kernel for the nearest pixels of an image

_FLOAT, _INT64 = 1, 7  # of TensorProto


@kind("upsample")
class Upsample(Layer):
    """y[c, i] = x[c, ·] read at u = i / scale (nearest), else at u = (i + ½)/scale − ½, or at u = i·(n − 1)/(n′ − 1)
    with `align_corners`; nearest takes ⌊u⌋, linear, bilinear and trilinear weigh the two neighbours along each axis,
    bicubic four (a = −¾).  torch copies an axis that rounding leaves its size (1.25 of 3) in the linear modes, and in
    nearest of images with H′ + W′ ≤ 128, where an axis of twice the size is each pixel twice; in all else it works with
    the scale that is given, in float32.  All of that is the same in ONNX.

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
        Example("scale_factor: [1.25, 3]", ("[2, T, 3]",), ({"T": 3}, {"T": 50})),
        Example("scale_factor: 1.25, mode: bicubic", ("[2, T, 3]",), ({"T": 4}, {"T": 9})),
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
        requested = self.size if self.scale_factor is None else self.scale_factor
        if isinstance(requested, tuple) and len(requested) != x.rank - 2:
            raise bad_input("NS403", f"upsample expects one number or {x.rank - 2}, received {list(requested)} for {x}")
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

    def factors(self, x: TensorType) -> Sequence[float | None]:
        """The scale that torch works with along each axis; None for the ratio of the sizes."""
        sizes = self.sizes(x)
        if self.size is not None:
            return [None] * len(sizes)
        copied = {1} if self.mode.endswith("linear") else {1, 2} if self.small_image(x) else ()
        return [
            None if any(m == k * n for k in copied) else scale
            for n, m, scale in zip(x.shape[2:], sizes, self.scales(len(sizes)), strict=True)
        ]

    def small_image(self, x: TensorType) -> bool | None:
        """Does torch take the ratio of sizes for the scale, where that is 1 or 2?  None: it depends on a named axis."""
        if self.mode != "nearest" or x.rank != 4:
            return False
        total = sum(self.sizes(x))
        return total <= SMALL if isinstance(total, int) else None

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        [x], [y] = inputs, outputs
        rows = zip(reaches[0][1:], x.shape[2:], y.shape[2:], self.factors(x), strict=True)
        return (reaches[0][0], *(self.axis_reach(*row) for row in rows))

    def axis_reach(self, reach: Reach | None, n: Size, out: Size, scale: float | None) -> Reach | None:
        """Output i is read at u = step·i + shift, a multiple of `grid`, from so many neighbours."""
        if reach is None:
            return None
        if scale is not None and not self.align_corners:
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

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        corners = None if self.mode == "nearest" else self.align_corners
        return nn.Upsample(self.size, self.scale_factor, self.mode, corners)

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x], [type_] = build.inputs, build.types
        axes = [
            Axis(*a)
            for a in zip(range(2, type_.rank), type_.shape[2:], self.sizes(type_), self.factors(type_), strict=True)
        ]
        if self.mode == "nearest" and not all(a.exact for a in axes):
            small: bool | str = self.small_image(type_) or False
            if self.small_image(type_) is None:
                total = build.op("ReduceSum", [build.shape([a.m for a in axes])], keepdims=0)
                small = build.op("LessOrEqual", [total, build.const(SMALL, "int64")])
            for axis in reversed(axes):
                x = gathered(build, x, nearest_indices(build, axis, small), axis.axis, type_.rank - 1)
            return x
        stays = any(a.may_stay for a in axes)
        if (
            stays
            and self.mode == "bicubic"
            and not self.align_corners
            and all(a.may_stay or a.factor == 1 for a in axes)
        ):
            return bicubic(build, x, axes)
        if self.size is not None and self.mode != "nearest":
            how = ["", build.const(list(self.sizes(type_)), "int64")]
        else:
            how = [onnx_scales(build, axes, copied=stays and self.mode.endswith("linear"))]
        place = "asymmetric" if self.mode == "nearest" else "align_corners" if self.align_corners else "half_pixel"
        return build.op(
            "Resize",
            [x, "", *how],
            axes=[a.axis for a in axes],
            mode=RESIZE_MODES.get(self.mode, "linear"),
            coordinate_transformation_mode=place,
            nearest_mode="floor" if self.mode == "nearest" else None,
        )


@dataclass(frozen=True)
class Axis:
    """One axis to resample: n values become m by this factor, or by m/n."""

    axis: int
    n: Size
    m: Size
    factor: float | None

    @property
    def sizes(self) -> tuple[int, int] | None:
        """n and m where both are numbers."""
        return (self.n, self.m) if isinstance(self.n, int) and isinstance(self.m, int) else None

    @property
    def exact(self) -> bool:
        """Is the factor a power of two?  Then i / factor and i · (1 / factor) are the same float32."""
        ratio = self.sizes[1] / self.sizes[0] if self.factor is None and self.sizes else self.factor
        return ratio is not None and frexp(ratio)[0] == 0.5

    @property
    def may_stay(self) -> bool:
        """Can m be n by rounding?  Of a symbolic n ≥ 1 where n·(factor − 1) < 1."""
        factor = self.factor
        return factor is not None and factor != 1 and (self.m == self.n if self.sizes else 1 < factor < 2)


def onnx_scales(build: OnnxBuilder, axes: Sequence[Axis], copied: bool) -> str:
    """The scales as float32; with `copied`, 1 where torch copies, which a symbolic size decides when the model runs."""
    import numpy as np

    scales = []
    for axis in axes:
        ratio = axis.sizes[1] / axis.sizes[0] if axis.factor is None and axis.sizes else axis.factor
        scale = np.float32(ratio if ratio is not None else 1)
        # A runtime rounds float32(n · scale) down, which may fall short of m (30 · 2.1): then a little more.
        while axis.sizes and np.floor(np.float32(axis.sizes[0]) * scale) < axis.sizes[1]:
            scale = np.nextafter(scale, np.float32(np.inf))
        scales.append(float(scale))
    if not copied:
        return build.const(scales)
    same = build.op("Equal", [build.shape([a.n for a in axes]), build.shape([a.m for a in axes])])
    return build.op("Where", [same, build.const(1.0), build.const(scales)])


def nearest_indices(build: OnnxBuilder, axis: Axis, small: bool | str) -> str:
    """The index that torch reads for each of m: min(⌊float32(i) · float32(step)⌋, n − 1), step = 1 / factor or n / m.

    `small` says, or is a value that says, whether a step of 1 or ½ is taken where the sizes are so (`small_image`).
    """
    import numpy as np

    def known(n: int, m: int, step: Any) -> Any:
        return np.minimum(np.floor(np.arange(m, dtype=np.float32) * step).astype(np.int64), n - 1)

    factor = axis.factor
    if axis.sizes:
        n, m = axis.sizes
        ratio = known(n, m, np.float32(n) / np.float32(m))
        scale = ratio if factor is None else known(n, m, np.float32(1 / factor))
        if isinstance(small, str) and m in (n, 2 * n):
            return build.op("Where", [small, build.const(ratio, "int64"), build.const(scale, "int64")])
        return build.const(scale, "int64")
    size, count = build.shape([axis.n]), build.shape([axis.m])
    if factor is None:
        step = build.op("Div", [build.op("Cast", [v], to=_FLOAT) for v in (size, count)])
    else:
        step = build.const([1 / factor])
        if small and not float(factor).is_integer():
            for times, exact in ((1, 1.0), (2, 0.5)):
                same = build.op("Equal", [count, build.op("Mul", [size, build.const([times], "int64")])])
                same = build.op("And", [same, small]) if isinstance(small, str) else same
                step = build.op("Where", [same, build.const([exact]), step])
    read = build.op("Floor", [build.op("Mul", [_places(build, count), step])])
    last = build.op("Sub", [size, build.const([1], "int64")])
    return build.op("Min", [build.op("Cast", [read], to=_INT64), last])


def gathered(build: OnnxBuilder, x: str, indices: str, axis: int, last: int) -> str:
    """These along an axis; along the last one turned, for a runtime copies rows ten times as fast as single numbers."""
    if axis != last:
        return build.op("Gather", [x, indices], axis=axis)
    turned = [*range(last - 1), last, last - 1]
    rows = build.op("Gather", [build.op("Transpose", [x], perm=turned), indices], axis=last - 1)
    return build.op("Transpose", [rows], perm=turned)


def bicubic(build: OnnxBuilder, x: str, axes: Sequence[Axis]) -> str:
    """Images whose size rounding may leave as it is, by matrices (m, n): runtimes copy those, torch weighs them."""
    a = -0.75
    for axis in axes:
        assert axis.factor is not None  # `may_stay`
        size, count = build.shape([axis.n]), build.shape([axis.m])
        half = build.const(0.5)
        moved = build.op("Mul", [build.op("Add", [_places(build, count), half]), build.const(1 / axis.factor)])
        u = build.op("Unsqueeze", [build.op("Sub", [moved, half]), build.const([1], "int64")])
        base = build.op("Floor", [u])
        last = build.op("Sub", [build.op("Cast", [size], to=_FLOAT), build.const(1.0)])
        matrix = ""
        for tap in range(-1, 3):
            place = build.op("Add", [base, build.const(float(tap))])
            far = build.op("Abs", [build.op("Sub", [u, place])])
            # |d| < 1: (a + 2)·d³ − (a + 3)·d² + 1; else a·d³ − 5a·d² + 8a·d − 4a
            terms = (1.0, 0.0, -(a + 3), a + 2) if tap in (0, 1) else (-4 * a, 8 * a, -5 * a, a)
            weight = build.const(terms[3])
            for term in (terms[2], terms[1], terms[0]):
                weight = build.op("Add", [build.op("Mul", [weight, far]), build.const(term)])
            inside = build.op("Min", [build.op("Max", [place, build.const(0.0)]), last])
            there = build.op("Cast", [build.op("Equal", [inside, _places(build, size)])], to=_FLOAT)
            part = build.op("Mul", [there, weight])
            matrix = build.op("Add", [matrix, part]) if matrix else part
        if axis.axis == 2:
            x = build.op("MatMul", [matrix, x])
        else:
            x = build.op("MatMul", [x, build.op("Transpose", [matrix], perm=[1, 0])])
    return x


def _places(build: OnnxBuilder, count: str) -> str:
    """0, 1, …, count − 1 as float32."""
    end = build.op("Squeeze", [count])
    indices = build.op("Range", [build.const(0, "int64"), end, build.const(1, "int64")])
    return build.op("Cast", [indices], to=_FLOAT)
