"""What moves values and reduces axes: reshape, slice, pad, reductions, resampling, positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.differential.reference.run import Call, kinds


@kinds("flatten")
def flatten(c: Call) -> Tensor:
    if 0 in (c.get("start_dim", 1) % c.x.ndim, c.get("end_dim", -1) % c.x.ndim):
        raise ValueError("the batch stays")
    return c.x.flatten(c.get("start_dim", 1), c.get("end_dim", -1))


@kinds("permute")
def permute(c: Call) -> Tensor:
    if c.get("dims")[0] % max(c.x.ndim, 1) != 0:
        raise ValueError("the batch stays first")
    return c.x.permute(c.get("dims"))


@kinds("reshape")
def reshape(c: Call) -> Tensor:
    sizes = [c.run.axes[size] if isinstance(size, str) else size for size in c.get("shape")]
    return c.x.reshape(c.x.shape[0], *sizes)


@kinds("slice")
def slice_(c: Call) -> Tensor:
    if c.get("dim") % c.x.ndim == 0:
        raise ValueError("the batch is not cut")
    index: list[slice] = [slice(None)] * c.x.ndim
    index[c.get("dim")] = slice(c.get("start", 0), c.get("stop"), c.get("step", 1))
    y = c.x[tuple(index)]
    if 0 in y.shape:
        raise ValueError("nothing is left")
    return y


@kinds("pad")
def pad(c: Call) -> Tensor:
    mode = c.get("mode", "constant")
    if mode == "constant":
        return F.pad(c.x, c.get("padding"), value=c.get("value", 0.0))
    return F.pad(c.x, c.get("padding"), mode=mode)


@kinds("max", "mean", "sum")
def reduce(c: Call) -> Tensor:
    function = {"max": torch.amax, "mean": torch.mean, "sum": torch.sum}[c.kind]
    dims = c.get("dim")
    if any(dim % c.x.ndim == 0 for dim in (dims if isinstance(dims, list) else [dims])):
        raise ValueError("the batch is not reduced")
    return function(c.x, dim=dims, keepdim=c.get("keepdim", False))  # type: ignore[no-any-return, operator]


@kinds("upsample")
def upsample(c: Call) -> Tensor:
    mode = c.get("mode", "nearest")
    scale = c.get("scale_factor")
    scale = tuple(map(float, scale)) if isinstance(scale, list) else scale and float(scale)
    corners = None if mode == "nearest" else c.get("align_corners", False)
    return F.interpolate(c.x, c.get("size"), scale, mode, corners)


@kinds("positional_encoding")
def positional_encoding(c: Call) -> Tensor:
    _, length, features = c.x.shape
    if c.get("mode", "sinusoidal") == "learned":
        if length > c.get("max_length"):
            raise ValueError("longer than max_length")
        return c.x + c.weight("weight", c.get("max_length"), features)[:length]
    if features % 2:
        raise ValueError("an odd number of features")
    t = torch.arange(length, dtype=torch.float64)[:, None]
    angle = t / 10_000.0 ** (torch.arange(0, features, 2, dtype=torch.float64) / features)
    return c.x + torch.stack([angle.sin(), angle.cos()], -1).reshape(length, features).to(c.x.dtype)
