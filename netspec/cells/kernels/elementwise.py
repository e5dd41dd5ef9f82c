"""One element-wise operation of a step on torch tensors and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add, mul
from typing import Any

import torch
from torch import Tensor

from netspec.cells.functions import FUNCTIONS


def elementwise(operation: str, args: Sequence[Any]) -> Any:
    """The value of "add", "mul", "neg", "div", or a row of FUNCTIONS; a function has a tensor among its arguments."""
    match operation:
        case "add":
            return reduce(add, args)
        case "mul":
            return reduce(mul, args)
        case "neg":
            return -args[0]
        case "div":
            return args[0] / args[1]
    like = next(a for a in args if isinstance(a, Tensor))  # the graph folds functions of numbers
    tensors = [a if isinstance(a, Tensor) else torch.full_like(like, a) for a in args]
    return FUNCTIONS[operation].torch(torch, *tensors)
