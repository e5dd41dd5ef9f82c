"""What rounding alone can do to a network's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

_BETWEEN = ("aten::upsample_linear", "aten::upsample_bilinear", "aten::upsample_bicubic", "aten::upsample_trilinear")
EPSILON = 2.0**-24  # of float32: a result is rounded by at most this part of it


class Rounded(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Each result of each operation off by up to half a step of float32 (or `epsilon`), at random, where it is float64.

    And what it reads: what is rounded within (a mean that is subtracted) acts as if its numbers were off by as much.

    One run in float32 may lose nothing where another does: equal numbers have an exact mean in one order of sums.
    Pixels between others are read at positions that are rounded, too: of n by up to n · 2^-24.
    """

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.epsilon = epsilon
        self.generator = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if any(result.alias_info for result in func._schema.returns):  # a view, or in place: nothing is rounded
            return func(*args, **kwargs)
        args, kwargs = tree_map(self.rounded, (args, kwargs))
        computed = func(*args, **kwargs)
        if func.name().startswith(_BETWEEN):
            x, *more = args
            moved = torch.zeros_like(computed)
            for axis in range(2, x.ndim):
                n = x.shape[axis]
                following = x.index_select(axis, torch.arange(1, n + 1).clamp(max=n - 1))
                moved += n * self.noise(computed) * (func(following, *more, **kwargs) - computed)
            computed = computed + moved
        return tree_map(self.rounded, computed)

    def rounded(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
            return value
        return value * (1 + self.noise(value))

    def noise(self, value: torch.Tensor) -> torch.Tensor:
        return self.epsilon * (torch.rand(value.shape, generator=self.generator, dtype=torch.float64) * 2 - 1)
