"""Nothing at all, under a name."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.layers.base import Example, Layer, OnnxBuilder, TorchBuilder, kind


@kind("identity")
class Identity(Layer):
    """y = x.  (B, …) -> the same."""

    floating: ClassVar[bool] = False
    identity: ClassVar[bool] = True
    view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example("", ("{shape: [T, 3], dtype: int64}",)),
    )

    def to_torch(self, build: TorchBuilder) -> Any:
        return build.inputs[0]

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.inputs[0]
