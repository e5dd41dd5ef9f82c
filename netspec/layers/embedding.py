"""Vectors for whole numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, Types, Weight, bad_input, kind
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive


@kind("embedding")
class Embedding(Layer):
    """y = W[x]: row x of the table.

    (B, …) whole numbers from 0 to num_embeddings − 1 -> (B, …, embedding_dim).  W is (num_embeddings, embedding_dim);
    the row `padding_idx` is 0 and stays so, whatever `init` says and whoever shares the table.
    Raises NS403 when padding_idx is no row, NS405 when the input is not int64 or int32.
    """

    num_embeddings: Positive
    embedding_dim: Positive
    padding_idx: int | None = None

    floating: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example("num_embeddings: 4, embedding_dim: 3", ("{shape: [5], dtype: int64}",)),
        Example("num_embeddings: 6, embedding_dim: 2, padding_idx: 1", ("{shape: [T], dtype: int32}",)),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if x.dtype not in ("int64", "int32"):
            raise bad_input(
                "NS405",
                f"embedding expects whole numbers, received {x.dtype} {x}",
                "declare the input as `{shape: […], dtype: int64}`",
            )
        rows = self.num_embeddings
        if self.padding_idx is not None and not -rows <= self.padding_idx < rows:
            raise bad_input(
                "NS403",
                f"embedding padding_idx {self.padding_idx} is no row of a table of {rows}",
                f"rows count from 0 to {rows - 1}",
            )
        return TensorType((*x.shape, self.embedding_dim))

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"weight": Weight((self.num_embeddings, self.embedding_dim))}

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        return {"weight": (None, (Units("output", self.embedding_dim, outputs[0].rank - 1),))}

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        return (*reaches[0], None)

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return nn.Embedding(self.num_embeddings, self.embedding_dim, self.padding_idx)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Gather", [build.weight("weight"), *build.inputs], axis=0)
