"""What rounding alone can do to a network's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

EPSILON = 2.0**-24  # of float32: a result is rounded by at most this part of it


class Rounded(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Each result of each operation off by up to half a step of float32, at random, where it is float64.

    One run in float32 may lose nothing where another does: equal numbers have an exact mean in one order of sums.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.generator = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        return tree_map(self.rounded, func(*args, **(kwargs or {})))

    def rounded(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
            return value
        noise = torch.rand(value.shape, generator=self.generator, dtype=torch.float64) * 2 - 1
        return value * (1 + EPSILON * noise)
