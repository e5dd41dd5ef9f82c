"""What stands outside a tensor: the padding modes of torch, their limits and their ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from netspec.layers.base import Layer, OnnxBuilder, bad_input
from netspec.layers.onnx_ops import onnx_number
from netspec.shapes.dim import Size

PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]
PAD_MODES = {
    "zeros": "constant",
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def onnx_pad(
    build: OnnxBuilder, x: str, pads: Sequence[tuple[int, int]], mode: str = "zeros", value: float = 0.0
) -> str:
    """Pad the last axes by (before, after) each, in a padding mode of torch.

    Every axis is written out: behind a Pad that names its `axes`, onnxruntime (1.32) moves a transposition in front of
    it and then looks for pads of all axes.
    """
    if not any(map(any, pads)):
        return x
    every = [(0, 0)] * (build.types[0].rank - len(pads)) + list(pads)
    amounts = build.const([before for before, _ in every] + [after for _, after in every], "int64")
    return build.op("Pad", [x, amounts, onnx_number(build, value)], mode=PAD_MODES[mode])


def pad_needs(mode: str, sizes: Sequence[Size], pads: Sequence[tuple[int, int]]) -> list[tuple[Size, int]]:
    """The sizes that a padding mode needs (Layer.needs)."""
    more = {"reflect": 1, "circular": 0}
    return [(size, max(pad) + more[mode]) for size, pad in zip(sizes, pads, strict=True) if mode in more]


def check_pad_mode(layer: Layer, mode: str, sizes: Sequence[Size], pads: Sequence[tuple[int, int]]) -> None:
    """Reflecting needs an axis longer than the padding, wrapping one at least as long.  Raises NS403."""
    for size, pad in zip(sizes, pads, strict=True):
        most = {"reflect": size - 1, "circular": size}.get(mode)
        if isinstance(most, int) and max(pad) > most:
            raise bad_input(
                "NS403",
                f"{layer.kind} cannot {'reflect' if mode == 'reflect' else 'wrap'} "
                f"{max(pad)} positions of an axis of {size}",
                f"pad by at most {most}, or pad with zeros",
            )
