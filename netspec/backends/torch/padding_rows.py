"""Rows of a table that stand for padding stay what they are, whoever else uses the table.

torch begins them at 0 and gives them no gradient, but knows nothing of an `init` that fills the whole table, nor of
another layer (a head, another embedding) that shares it and would train them.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, nn


class _Held:
    """A gradient without these rows; a class, so that a module can be pickled with it."""

    def __init__(self) -> None:
        self.rows: set[int] = set()

    def __call__(self, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient[sorted(self.rows)] = 0
        return gradient


def _tables(module: nn.Module) -> list[tuple[Tensor, int]]:
    return [
        (part.weight, part.padding_idx)
        for part in module.modules()
        if isinstance(part, nn.Embedding) and part.padding_idx is not None
    ]


def hold_padding_rows(module: nn.Module, zero: bool = False) -> None:
    """Cut them from the gradient of every table that more than one layer uses; torch's own layer does it for one.

    `zero` sets them to 0 before, as torch does before a table is filled in another way.  A copied module needs this
    again, for torch copies no hooks.
    """
    if not (tables := _tables(module)):
        return
    if zero:
        with torch.no_grad():
            for weight, row in tables:
                weight[row] = 0
    uses: Counter[Tensor | None] = Counter(
        parameter for part in module.modules() for parameter in part._parameters.values()
    )
    for weight, row in tables:
        if uses[weight] > 1 and weight.requires_grad:
            hooks = (weight._backward_hooks or {}).values()  # torch's own table of them
            held = next((hook for hook in hooks if isinstance(hook, _Held)), None)
            if held is None:
                held = _Held()
                weight.register_hook(held)  # type: ignore[no-untyped-call]  # torch has no types here
            held.rows.add(row)
