"""Convolutions and pooling: torch's own modules with the weights put in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from tests.differential.reference.run import Call, kinds

_NAMES = {1: "1d", 2: "2d", 3: "3d"}
_AXES = {"1d": 1, "2d": 2, "3d": 3}


def _sizes(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def rank_of(c: Call) -> int:
    """The spatial axes of the kind; torch takes one sample without its batch, netspec does not."""
    axes = _AXES[c.kind[-2:]]
    if c.x.ndim != axes + 2:
        raise ValueError(f"{c.kind} expects {axes + 2} axes, received {tuple(c.x.shape)}")
    return axes


def _weighted(c: Call, module: nn.Module, x: Tensor) -> Tensor:
    weights = {name: c.weight(name, *p.shape) for name, p in module.named_parameters()}
    return functional_call(module, weights, (x,))  # type: ignore[no-any-return]


@kinds("conv1d", "conv2d", "conv3d")
def conv(c: Call) -> Tensor:
    rank_of(c)
    x, padding = c.x, _sizes(c.get("padding", 0))
    if padding == "causal":
        behind = c.get("dilation", 1) * (c.get("kernel_size") - 1)
        if c.get("padding_mode", "zeros") != "zeros":
            raise ValueError("causal pads zeros")
        x, padding = F.pad(x, (behind, 0)), 0
    module = getattr(nn, f"Conv{c.kind[-2:]}")(
        x.shape[1],
        c.get("out_channels"),
        _sizes(c.get("kernel_size")),
        _sizes(c.get("stride", 1)),
        padding,
        _sizes(c.get("dilation", 1)),
        c.get("groups", 1),
        c.get("bias", True),
        c.get("padding_mode", "zeros"),
        device="meta",
    )
    return _weighted(c, module, x)


@kinds("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(c: Call) -> Tensor:
    rank_of(c)
    module = getattr(nn, f"ConvTranspose{c.kind[-2:]}")(
        c.x.shape[1],
        c.get("out_channels"),
        _sizes(c.get("kernel_size")),
        _sizes(c.get("stride", 1)),
        _sizes(c.get("padding", 0)),
        _sizes(c.get("output_padding", 0)),
        c.get("groups", 1),
        c.get("bias", True),
        _sizes(c.get("dilation", 1)),
        device="meta",
    )
    return _weighted(c, module, c.x)


@kinds("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(c: Call) -> Tensor:
    rank_of(c)
    module = getattr(nn, f"MaxPool{c.kind[-2:]}")(
        _sizes(c.get("kernel_size")),
        _sizes(c.get("stride")),
        _sizes(c.get("padding", 0)),
        _sizes(c.get("dilation", 1)),
        ceil_mode=c.get("ceil_mode", False),
    )
    return module(c.x)  # type: ignore[no-any-return]


@kinds("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(c: Call) -> Tensor:
    rank_of(c)
    module = getattr(nn, f"AvgPool{c.kind[-2:]}")(
        _sizes(c.get("kernel_size")),
        _sizes(c.get("stride")),
        _sizes(c.get("padding", 0)),
        c.get("ceil_mode", False),
        c.get("count_include_pad", True),
    )
    return module(c.x)  # type: ignore[no-any-return]


@kinds(*(f"adaptive_{how}_pool{n}d" for how in ("avg", "max") for n in (1, 2, 3)))
def adaptive_pool(c: Call) -> Tensor:
    axes = rank_of(c)
    size = c.get("output_size")
    size = (size,) * axes if isinstance(size, int) else tuple(size)
    function = getattr(F, f"adaptive_{c.kind[9:12]}_pool{axes}d")
    return function(c.x, size)  # type: ignore[no-any-return]


@kinds(*(f"global_{how}_pool{n}d" for how in ("avg", "max") for n in (1, 2, 3)))
def global_pool(c: Call) -> Tensor:
    axes = list(range(2, rank_of(c) + 2))
    return c.x.mean(axes) if "avg" in c.kind else torch.amax(c.x, axes)
