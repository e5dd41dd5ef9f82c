"""The reverse direction of time: sequences from their last real step to their first."""

from __future__ import annotations

import torch
from torch import Tensor


def turn(x_TBI: Tensor, lengths: Tensor | None) -> Tensor:
    """(T, B, n), each sequence back to front, its padding where it was; its own inverse."""
    if lengths is None:
        return x_TBI.flip(0)
    steps = torch.arange(x_TBI.shape[0], device=x_TBI.device)[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x_TBI.gather(0, index[..., None].expand_as(x_TBI))
