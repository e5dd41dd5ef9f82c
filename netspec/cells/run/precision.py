"""Types of a loop's buffers in half precision (bfloat16, float16).

Products take and give the half type and add up in float32.  Rounding to half at each step adds up where a state is read
element by element (c of an LSTM, h of a GRU): such states are float32, as are the adjoints of states and sums.  A state
that only enters products (h of an LSTM) is rounded there anyway, and is kept in the half type.  In any other precision
all is of one type.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netspec.cells.ir.loop import Buffer, Loop

HALF = (torch.bfloat16, torch.float16)


def buffer_type(loop: Loop, buffer: Buffer, product: torch.dtype) -> torch.dtype:
    """The type of a buffer when products are of some type."""
    if product not in HALF:
        return product
    if buffer.kind in ("carry", "sum"):
        return torch.float32
    if buffer.kind == "state" and any(
        at.buffer == buffer.name for stage in loop.stages for body in stage.bodies for at in body.loads.values()
    ):
        return torch.float32
    return product


def autocast_type(device: torch.device) -> torch.dtype | None:
    """What autocast makes of float32 on a device; None where it is off."""
    kind = device.type
    enabled = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if enabled else None


def cast(x: Tensor, to: torch.dtype | None) -> Tensor:
    """Autocast's rule: float32 becomes the half type, everything else is left."""
    return x.to(to) if to is not None and x.dtype == torch.float32 else x
