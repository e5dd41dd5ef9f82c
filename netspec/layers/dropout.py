"""Dropout: random zeros while training, nothing at inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.layers.axes import need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, kind
from netspec.layers.windows import AXES
from netspec.shapes.tensor import TensorType
from netspec.source.records import Share


@dataclass(frozen=True)
class DropoutLayer(Layer):
    """What the dropouts share; `rank` counts the axes behind the channels, 0 where any shape will do."""

    rank: ClassVar[int] = 0
    torch_name: ClassVar[str]
    trained_only: ClassVar[bool] = True

    p: Share = 0.5

    def infer(self, *inputs: TensorType) -> TensorType:
        [x] = inputs
        if self.rank:
            need_rank(self, x, self.rank + 2, AXES[self.rank])
        return x

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, self.torch_name)(self.p)

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.inputs[0]


@kind("dropout")
class Dropout(DropoutLayer):
    """y = x·m / (1 − p), m = 0 with probability p, else 1, for every element; y = x at inference.

    (B, …) -> the same.  Srivastava et al. 2014.
    """

    torch_name: ClassVar[str] = "Dropout"
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("p: 0.1", ("[T, 4]",)))


@kind("dropout1d")
class Dropout1d(DropoutLayer):
    """y[c] = x[c]·m[c] / (1 − p), m = 0 with probability p, else 1, for every channel; y = x at inference.

    (B, C, L) -> the same.  Raises NS402 for an input of another rank.  Tompson et al. 2015, arXiv:1411.4280.
    """

    rank: ClassVar[int] = 1
    torch_name: ClassVar[str] = "Dropout1d"
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 5]",)), Example("p: 0.1", ("[3, T]",)))


@kind("dropout2d")
class Dropout2d(DropoutLayer):
    """y[c] = x[c]·m[c] / (1 − p), m = 0 with probability p, else 1, for every channel; y = x at inference.

    (B, C, H, W) -> the same.  Raises NS402 for an input of another rank.  Tompson et al. 2015, arXiv:1411.4280.
    """

    rank: ClassVar[int] = 2
    torch_name: ClassVar[str] = "Dropout2d"
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[3, 4, 4]",)), Example("p: 0.1", ("[3, T, 4]",)))


@kind("dropout3d")
class Dropout3d(DropoutLayer):
    """y[c] = x[c]·m[c] / (1 − p), m = 0 with probability p, else 1, for every channel; y = x at inference.

    (B, C, D, H, W) -> the same.  Raises NS402 for an input of another rank.  Tompson et al. 2015, arXiv:1411.4280.
    """

    rank: ClassVar[int] = 3
    torch_name: ClassVar[str] = "Dropout3d"
    examples: ClassVar[tuple[Example, ...]] = (Example("", ("[2, 3, 3, 3]",)), Example("p: 0.1", ("[2, T, 3, 3]",)))


@kind("alpha_dropout")
class AlphaDropout(DropoutLayer):
    """y = a·(x·m + α′·(1 − m)) + b, m = 0 with probability p, else 1, α′ = −1.7581 the value selu saturates at.

    a = ((1 − p)·(1 + p·α′²))^−½ and b = −a·α′·p keep mean 0 and variance 1; y = x at inference.
    (B, …) -> the same.  Klambauer et al. 2017, arXiv:1706.02515.
    """

    torch_name: ClassVar[str] = "AlphaDropout"
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("p: 0.1", ("[T, 4]",)))
