"""What a recurrent module remembers from call to call, while its states are carried (carry.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.compiler import is_exporting

from netspec.cells.ir.stack import CellStack
from netspec.cells.run.direction import transformed
from netspec.source.errors import NetspecError


class StateMemory:
    """What one module remembers: for each state its value in every layer, without gradient."""

    def __init__(self, name: str, stack: CellStack) -> None:
        self.name, self.stack = name, stack
        self.last: list[tuple[Tensor, ...]] | None = None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of the module, or one that is pickled, carries nothing: no `carrying` would ever end it."""
        return type(None), ()

    def states(self, x: Tensor, dtype: torch.dtype) -> list[tuple[Tensor, ...]] | None:
        """The states to begin with, in the type that states have now; None before the first call.

        Raises NS504 when the batch has another size.
        """
        if self.last is None:
            return None
        batch = self.last[0][0].shape[0] if self.last[0] else x.shape[0]
        if batch != x.shape[0]:
            raise NetspecError(
                "NS504",
                f"`{self.name}` carries the states of {batch} sequences, the batch has {x.shape[0]}",
                hint="`reset()` before other sequences begin; pieces of the same sequences come in batches of one size",
            )
        return [tuple(s.to(x.device, dtype) for s in row) for row in self.last]

    def keep(self, states: Sequence[tuple[Tensor, ...]]) -> None:
        """Raises NS504 where they are no values: within torch.func, and while a graph is exported."""
        within = "a transform of torch.func" if transformed() else "torch.export" if is_exporting() else ""
        if within:
            raise NetspecError(
                "NS504",
                f"`{self.name}` carries its states from call to call, and those of a call "
                f"within {within} are gone after it",
                hint="call it outside of `carrying`: give "
                "`initial_state` as an input, take the port `state` as an output",
            )
        self.last = [tuple(s.detach() for s in row) for row in states]
