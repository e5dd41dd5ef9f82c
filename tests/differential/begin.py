"""How weights begin, as far as a value can be held against the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor


def check_begin(name: str, begin: Any, value: Tensor, differs: Any) -> None:
    """`begin`: (kind, fields, init) of the layer that owns the tensor.  Raises `differs`."""
    if begin is None:
        return
    kind, fields, init = begin
    short = name.rsplit(".", 1)[-1]
    if isinstance(init, Mapping) and "type" not in init:
        init = init.get(short)
    elif short != "weight":  # a bare rule is for `weight`
        init = None
    value = value.detach()
    if kind == "embedding" and fields.get("padding_idx") is not None:
        row = value[fields["padding_idx"]]
        if bool(row.any()):
            raise differs("init", f"row {fields['padding_idx']} of {name} begins at {row.tolist()}, not 0")
        rows = torch.arange(len(value)) != fields["padding_idx"] % len(value)
        value = value[rows]
        if init == "orthogonal" or (isinstance(init, Mapping) and init["type"] == "orthogonal"):
            return  # before the row was put to 0
    if init is None or not value.numel():
        return
    if not _holds(init, value):
        raise differs("init", f"{name} does not begin as {init}: {value.flatten()[:4].tolist()}")


def _holds(init: Any, value: Tensor) -> bool:
    options = init if isinstance(init, Mapping) else {"type": init}
    kind = options["type"]
    if isinstance(kind, (int, float)) or kind in ("zeros", "ones", "constant"):
        wanted = {"zeros": 0.0, "ones": 1.0, "constant": options.get("value")}.get(kind, kind)
        return bool((value == torch.tensor(float(wanted), dtype=value.dtype)).all())
    if kind == "uniform":
        low, high = options.get("low", 0.0), options.get("high", 1.0)
        return bool(((value >= low) & (value <= high)).all())
    if kind == "truncated_normal":
        mean, std = options.get("mean", 0.0), options.get("std", 0.02)
        return bool(((value - mean).abs() <= 2 * std * (1 + 1e-6)).all())
    if kind == "orthogonal":
        flat = value.flatten(1).double()
        flat = flat if flat.shape[0] <= flat.shape[1] else flat.T
        return bool(torch.allclose(flat @ flat.T, torch.eye(len(flat)).double(), atol=1e-4))
    fan_in, fan_out = prod(value.shape[1:]), value.shape[0] * prod(value.shape[2:])
    if kind in ("xavier", "xavier_uniform"):
        return bool((value.abs() <= sqrt(6 / (fan_in + fan_out)) * (1 + 1e-6)).all())
    if kind == "he_uniform":
        return bool((value.abs() <= sqrt(6 / fan_in) * (1 + 1e-6)).all())
    return bool(value.isfinite().all())
