"""Where in the sequence a vector stands, added to it."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any, ClassVar, Literal

from netspec.layers.axes import known, need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, TorchBuilder, Types, Weight, bad_input, kind
from netspec.layers.onnx_ops import onnx_slice
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive

PERIOD = 10_000.0  # the paper's, for the slowest feature


@kind("positional_encoding")
class PositionalEncoding(Layer):
    """y_t = x_t + p_t with p_(t, 2i) = sin(t / 10000^(2i/D)), p_(t, 2i+1) = cos(t / 10000^(2i/D)); learned: p = weight.

    (B, T, D) -> the same; sinusoidal takes an even D and any length, `learned` owns `weight` (max_length, D).
    Raises NS402 for another rank or unknown D, NS403 for an odd D, a sequence longer than max_length, or a
    max_length that is missing or not used.  Vaswani et al. 2017, arXiv:1706.03762.
    """

    mode: Literal["sinusoidal", "learned"] = "sinusoidal"
    max_length: Positive | None = None

    examples: ClassVar[tuple[Example, ...]] = (
        Example("", ("[5, 4]",)),
        Example("", ("[T, 6]",)),
        Example("mode: learned, max_length: 9", ("[T, 3]",)),
        Example("mode: learned, max_length: 5", ("[5, 3]",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        need_rank(self, x, 3, "(B, T, D)")
        features = known(self, x.shape[2], "a last axis", x)
        if (self.mode == "learned") != (self.max_length is not None):
            takes = "needs a max_length" if self.mode == "learned" else "takes no max_length: it has every length"
            raise bad_input("NS403", f"positional_encoding with mode {self.mode} {takes}")
        if self.mode == "sinusoidal" and features % 2:
            raise bad_input(
                "NS403",
                f"positional_encoding pairs sines and cosines, and {features} features are odd",
                f"use {features + 1} features, or `mode: learned`",
            )
        length = x.shape[1]
        if self.max_length is not None and isinstance(length, int) and length > self.max_length:
            raise bad_input(
                "NS403",
                f"positional_encoding has {self.max_length} positions for a sequence of {length}",
                f"use max_length: {length}",
            )
        return x

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        return [] if self.max_length is None else [(self.max_length - inputs[0].shape[1], 0)]

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        if self.max_length is None:
            return {}
        return {"weight": Weight((self.max_length, known(self, inputs[0].shape[2], "a last axis", inputs[0])))}

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        return {"weight": (None, (Units("output", known(self, inputs[0].shape[2], "a last axis", inputs[0]), 2),))}

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        if self.max_length is None:
            return None
        return nn.Embedding(self.max_length, known(self, inputs[0].shape[2], "a last axis", inputs[0]))

    def to_torch(self, build: TorchBuilder) -> Any:
        import torch

        [x] = build.inputs
        features = known(self, build.types[0].shape[2], "a last axis", build.types[0])
        length = build.size(build.types[0].shape[1])
        if self.max_length is not None:
            return x + build.call(torch.arange(length, device=x.device))
        zero = x.new_zeros(1)  # angles in float32, in float64 where x is float64
        position = torch.arange(length, dtype=torch.float32, device=x.device) + zero
        feature = torch.arange(0, features, 2, dtype=torch.float64, device=x.device)
        # In float64 first: libraries round e^x of float32 differently, and a rate is multiplied by thousands of steps.
        rates = torch.exp(feature * (-log(PERIOD) / features)).to(position.dtype)
        angle = torch.outer(position, rates)
        return x + torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).type_as(x)

    def to_onnx(self, build: OnnxBuilder) -> str:
        import numpy as np

        [x] = build.inputs
        length = build.shape([build.types[0].shape[1]])
        zero = build.const([0], "int64")
        if self.max_length is not None:
            return build.op("Add", [x, onnx_slice(build, build.weight("weight"), 0, zero, length)])
        features = known(self, build.types[0].shape[2], "a last axis", build.types[0])
        end = build.op("Squeeze", [length, zero])
        position = build.op("Range", [build.const(0, "int64"), end, build.const(1, "int64")])
        column = build.op("Unsqueeze", [build.op("Cast", [position], to=1), build.const([1], "int64")])  # 1: float32
        rates = np.exp(np.arange(0, features, 2) * (-log(PERIOD) / features)).astype(np.float32)
        angle = build.op("Unsqueeze", [build.op("Mul", [column, build.const(rates[None])]), build.const([2], "int64")])
        pairs = build.op("Concat", [build.op("Sin", [angle]), build.op("Cos", [angle])], axis=2)
        table = build.op("Reshape", [pairs, build.const([0, features], "int64")])
        return build.op("Add", [x, table if build.types[0].dtype == "float32" else build.op("CastLike", [table, x])])
