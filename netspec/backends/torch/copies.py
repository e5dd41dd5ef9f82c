"""Modules for equal layers: torch makes the first, the others are copies of it with weights of their own.

A constructor of torch sets some twenty attributes through `nn.Module.__setattr__`, which takes longer than filling a
small weight; a network has a few kinds of layers many times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import torch
from torch import nn

from netspec.layers.base import Layer
from netspec.shapes.tensor import TensorType


class LayerModules:
    """Makes the modules of one network's layers, and draws the same random numbers as their constructors would."""

    def __init__(self) -> None:
        self.first: dict[Hashable, nn.Module | None] = {}

    def make(self, layer: Layer, types: tuple[TensorType, ...]) -> nn.Module | None:
        """A layer's module, None where it has none."""
        key = (layer, types)
        first = self.first.get(key)
        if first is not None:
            return _copy(first)
        module: nn.Module | None = layer.torch_module(*types)
        if module is not None and _can_be_copied(module):
            self.first[key] = module
        return module


_CONTAINERS = frozenset((dict, OrderedDict, list, set))
_TABLES = {"_parameters", "_buffers", "_modules"}


def _can_be_copied(module: nn.Module) -> bool:
    """Whether a module is torch's own, is all in its attributes, and fills its weights by `reset_parameters`."""
    weightless = not module._parameters and not module._buffers
    return (
        type(module).__module__.startswith("torch.nn.modules.")
        and not module._modules
        and (weightless or hasattr(module, "reset_parameters"))
        and all(_is_plain(value) for name, value in module.__dict__.items() if name not in _TABLES)
    )


def _is_plain(value: Any) -> bool:
    """Whether two modules can have a value in common: nothing in it is a tensor, or refers to one."""
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return not value if isinstance(value, (dict, set)) else isinstance(value, (bool, int, float, str, type(None)))


def with_state_of(first: nn.Module, module: nn.Module) -> None:
    """Give a new object the attributes of a module, each table, list and set as a copy."""
    attributes = module.__dict__
    attributes.update(first.__dict__)
    for name in [name for name, value in first.__dict__.items() if type(value) in _CONTAINERS]:
        attributes[name] = attributes[name].copy()


def _copy(first: nn.Module) -> nn.Module:
    module = object.__new__(type(first))
    with_state_of(first, module)
    if not (first._parameters or first._buffers):
        return module
    for name, weight in first._parameters.items():
        module._parameters[name] = weight if weight is None else nn.Parameter(torch.empty_like(weight))
    for name, buffer in first._buffers.items():
        module._buffers[name] = buffer if buffer is None else torch.empty_like(buffer)
    module.reset_parameters()  # type: ignore[operator]  # `_can_be_copied` has seen it
    return module
