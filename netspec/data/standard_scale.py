"""The scale of standardised values: brought to mean 0 and deviation 1, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.shapes.dim import Dim
from netspec.source.errors import NetspecError
from netspec.source.records import Above


@dataclass(frozen=True)
class Standard:
    """x -> (x − mean) / deviation, along axis 1 of (N, F, …); one number alone stands for every entry."""

    mean: tuple[float, ...]
    deviation: tuple[Above, ...]

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.mean:
            yield "mean", "one number or more"
        if len(self.deviation) != len(self.mean):
            yield "deviation", f"as many numbers as `mean` has, {len(self.mean)}"

    def fits(self, size: int | str | Dim) -> bool:
        """Whether it can be applied along an axis of this size."""
        return len(self.mean) == 1 or len(self.mean) == size

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        standard: NDArray[Any] = (x - self._along(self.mean, x)) / self._along(self.deviation, x)
        return standard

    def narrow(self, x: NDArray[Any]) -> NDArray[Any]:
        """`forward` in float32; NaN, of a step without a target, stays.  Raises NS604 beyond what float32 holds."""
        with np.errstate(over="ignore"):
            narrowed = self.forward(x).astype(np.float32)
        if np.isinf(narrowed).any():
            text = "a number is beyond float32 once it is standardized"
            raise NetspecError("NS604", text, hint="look for one that is far from all others")
        return narrowed

    def backward(self, x: NDArray[Any]) -> NDArray[Any]:
        value: NDArray[Any] = x * self._along(self.deviation, x) + self._along(self.mean, x)
        return value

    @staticmethod
    def _along(values: tuple[float, ...], x: NDArray[Any]) -> NDArray[Any]:
        array = np.asarray(values, np.float64)
        return array if len(values) == 1 else array.reshape(1, -1, *[1] * (x.ndim - 2))

    @staticmethod
    def of(mean: NDArray[Any], variance: NDArray[Any]) -> Standard:
        """A column that never changes keeps its deviation: dividing by 0 would make it NaN."""
        mean, deviation = np.atleast_1d(mean), np.sqrt(np.atleast_1d(variance))
        deviation = np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1), deviation, 1.0)
        return Standard(tuple(map(float, mean)), tuple(map(float, deviation)))

    @staticmethod
    def fit(x: NDArray[Any], each: bool) -> Standard:
        """Measured on (N, F, …): `each` entry of axis 1 for itself, or all together."""
        axes = tuple(i for i in range(x.ndim) if i != 1) if each and x.ndim > 1 else None
        values = x.astype(np.float64)
        return Standard.of(values.mean(axis=axes), values.var(axis=axes))
