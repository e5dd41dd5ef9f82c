"""Padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, bad_input, kind
from netspec.layers.padding_modes import check_pad_mode, onnx_pad, pad_needs
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Count


@kind("pad")
class Pad(Layer):
    """Values around x, in torch's order: `padding` is [before, after] of the last axis, then of the one before it, …

    (B, …, n) -> (B, …, n + before + after).  mode constant puts `value`; reflect, replicate and circular read x,
    along the last one, two or three axes behind the channels.
    Raises NS402 for more pairs than axes behind the batch or a rank that the mode cannot take, NS403 for half a pair
    or more padding than the mode can find.
    """

    padding: tuple[Count, ...]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float = 0.0

    moves: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("padding: [1, 2]"),
        Example("padding: [1, 0, 2, 1], value: 0.5", ("[T, 3]",)),
        Example("padding: [1, 2], mode: reflect", ("[2, T]",)),
        Example("padding: [1, 2, 0, 1], mode: replicate", ("[2, T, 3]",)),
        Example("padding: [2, 0, 1, 1], mode: circular", ("[2, 3, T]",)),
    )

    def pairs(self) -> Sequence[tuple[int, int]]:
        """(before, after) of each padded axis, the last axis last."""
        return list(zip(self.padding[::2], self.padding[1::2], strict=True))[::-1]

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if len(self.padding) % 2 or not self.padding:
            raise bad_input(
                "NS403",
                f"pad expects pairs of numbers, received {list(self.padding)}",
                "[before, after] of the last axis, then of the axis before it",
            )
        pairs = self.pairs()
        if len(pairs) >= x.rank:
            raise bad_input(
                "NS402", f"pad of {len(pairs)} axes expects at least {len(pairs) + 1} with the batch, received {x}"
            )
        if self.mode != "constant" and (x.rank != len(pairs) + 2 or x.rank > 5):
            raise bad_input(
                "NS402",
                f"pad with mode {self.mode} pads every axis behind the channels, of one to three; "
                f"received {len(pairs)} pairs for {x}",
                "write [0, 0] for an axis that stays",
            )
        check_pad_mode(self, self.mode, x.shape[-len(pairs) :], pairs)
        padded = [size + a + b for size, (a, b) in zip(x.shape[-len(pairs) :], pairs, strict=True)]
        return x.with_shape(*x.shape[: -len(pairs)], *padded)

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        pairs = self.pairs()
        return pad_needs(self.mode, inputs[0].shape[-len(pairs) :], pairs)

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        pairs = self.pairs()
        first = len(reaches[0]) - len(pairs)
        moved = [r and r.window(-before, -before, 1) for r, (before, _) in zip(reaches[0][first:], pairs, strict=True)]
        return (*reaches[0][:first], *moved)

    def to_torch(self, build: TorchBuilder) -> Any:
        from torch.nn import functional as F

        [x] = build.inputs
        if self.mode == "constant":
            return F.pad(x, self.padding, value=self.value)
        return F.pad(x, self.padding, mode=self.mode)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return onnx_pad(build, build.inputs[0], self.pairs(), self.mode, self.value)
