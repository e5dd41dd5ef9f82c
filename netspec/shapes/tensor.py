"""What is known of a tensor before it exists: its shape and element type."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.shapes.dim import Dim, Size, product, symbol

BATCH = symbol("B")
DTYPES = {"float32": 4, "int64": 8, "int32": 4, "bool": 1}  # weights are float32, and products mix no floats


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape (the batch axis first) and element type."""

    shape: tuple[Size, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        return shape_text(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def floating(self) -> bool:
        return "float" in self.dtype

    def with_shape(self, *shape: Size) -> TensorType:
        return TensorType(shape, self.dtype)

    def numel(self) -> Size:
        """Elements in one sample: the product of all axes but the batch."""
        return product(self.shape[1:])

    def bytes(self) -> Size:
        """Memory of one sample."""
        return self.numel() * DTYPES[self.dtype]

    def symbols(self) -> set[str]:
        return {name for size in self.shape if isinstance(size, Dim) for name in size.names()}


def shape_text(shape: tuple[Size, ...]) -> str:
    """`(B, 64, 56, 56)`."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
