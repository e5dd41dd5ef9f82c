"""`Recurrent`: a cell in several layers and directions as a torch module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from netspec.cells.ir.returns import Returns
from netspec.cells.ir.stack import CellStack
from netspec.cells.ir.step import CellStep
from netspec.cells.run.direction import prepare, run, transformed
from netspec.cells.run.precision import autocast_type
from netspec.cells.run.state_memory import StateMemory
from netspec.source.errors import NetspecError

# B batch, T time, I input features, O output features, R rows (layers x directions), S states behind each other


@dataclass(frozen=True)
class LayerDirection:
    """One layer in one direction: its step, its weights (the cell's name -> the module's), its states."""

    step: CellStep
    names: dict[str, str]
    sizes: dict[str, int]

    def __deepcopy__(self, memo: object) -> LayerDirection:
        return self  # nothing in it changes


class Recurrent(nn.Module):
    """x (B, T, I), lengths (B,), state (B, R, S) -> what `returns` names, and the final state (B, R, S).

    `returns`: "sequence" (B, T, O); "last" (B, O), the output of each direction at its own last step; "state", the
    final state itself.  Dropout stands between layers, while training.  `begin` fills weights by the cell's names,
    after torch's U(−1/√hidden, 1/√hidden); `learned` makes the initial states weights, `h_0` (R, size) for a state h.
    """

    def __init__(
        self,
        stack: CellStack,
        *,
        dropout: float = 0.0,
        returns: Returns = "sequence",
        learned: bool = False,
        recompute: bool = False,
        begin: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.stack = stack
        self.dropout, self.returns, self.learned, self.recompute = dropout, returns, learned, recompute
        self.begin = dict(begin or {})
        self.memory: StateMemory | None = None  # while `carrying`
        # What calls need of the stack, made here: `torch.compile` looks into no cached property, and a call is quicker.
        self.rows = tuple(LayerDirection(stack.step(r), stack.names(r), stack.sizes(r)) for r in range(stack.rows))
        self.width, self.directions = stack.width, stack.directions
        for step in stack.steps:
            prepare(step)
        for name, shape in stack.weights.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        if learned:
            for name, size in stack.states.items():
                self.register_parameter(f"{name}_0", nn.Parameter(torch.empty(stack.rows, size)))
        self.reset_parameters()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A pickle has the steps without what is derived from them."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's
        for step in self.stack.steps:
            prepare(step)

    def reset_parameters(self) -> None:
        """Draw the weights anew; learned initial states begin at 0."""
        stack = self.stack
        bound = (stack.hidden or stack.output) ** -0.5
        with torch.no_grad():
            for row in range(stack.rows):
                for name, full in stack.names(row).items():
                    self.get_parameter(full).uniform_(-bound, bound)
                    if name in self.begin:
                        self.begin[name].fill(self.get_parameter(full))
            for name in stack.states if self.learned else ():
                self.get_parameter(f"{name}_0").zero_()

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self._check(x, lengths, state)
        if not x.shape[1]:
            lengths = None  # no step, no padding
        initial = self._initial(x, state)
        final: list[tuple[Tensor, ...]] = []
        y_TBO = x.transpose(0, 1)
        ends: list[Tensor] = []  # of the last layer, one a direction
        for first in range(0, len(self.rows), self.directions):
            if first and self.dropout:
                y_TBO = functional.dropout(y_TBO, self.dropout, self.training)
            ends = []
            for direction in range(self.directions):
                row = self.rows[first + direction]
                weights = {name: getattr(self, full) for name, full in row.names.items()}
                y, last = run(
                    row.step, y_TBO, weights, initial[first + direction], lengths, direction == 1, self.recompute
                )
                ends.append(y)
                final.append(last)
            y_TBO = ends[0] if len(ends) == 1 else torch.cat(ends, -1)
        if self.memory is not None:
            self.memory.keep(final)
        packed = self._pack(final)
        if self.returns == "sequence":
            return y_TBO.transpose(0, 1), packed
        if self.returns == "state":
            return packed, packed
        return torch.cat([_end(y, lengths, direction == 1) for direction, y in enumerate(ends)], -1), packed

    def _check(self, x: Tensor, lengths: Tensor | None, state: Tensor | None) -> None:
        """Kernels read memory by these shapes.  Raises NS503."""
        batch = x.shape[0] if x.ndim == 3 else 0
        if x.ndim != 3 or x.shape[2] != self.stack.features:
            raise NetspecError("NS503", f"the input is (B, T, {self.stack.features}), received {tuple(x.shape)}")
        if state is not None and tuple(state.shape) != (batch, len(self.rows), self.width):
            raise NetspecError(
                "NS503",
                f"the initial state is ({batch}, {len(self.rows)}, {self.width}), received {tuple(state.shape)}",
            )
        if autocast_type(x.device) is None:
            wanted = self._dtype(x)
            for what, value in (("input", x), ("initial state", state)):
                if value is not None and value.dtype != wanted:
                    raise NetspecError(
                        "NS503",
                        f"the {what} has the type of the weights, {_shown(wanted)}; received {_shown(value.dtype)}",
                        hint="`x.to(…)`, or turn the module, `module.double()`",
                    )
        if lengths is not None:
            if tuple(lengths.shape) != (batch,):
                raise NetspecError(
                    "NS503",
                    f"there is one length for each of the {batch} sequences, received lengths {tuple(lengths.shape)}",
                )
            _check(lengths, x)

    def _initial(self, x: Tensor, initial: Tensor | None) -> list[tuple[Tensor, ...]]:
        """The states before the first step, row by row."""
        dtype = self._dtype(x)
        if self.memory is not None and (carried := self.memory.states(x, dtype)) is not None:
            return carried
        states = []
        for i, row in enumerate(self.rows):
            sizes = list(row.sizes.values())
            if initial is not None:
                states.append(torch.split(initial[:, i, : sum(sizes)], sizes, -1))
            elif self.learned:
                learned = [getattr(self, f"{name}_0")[i, :size] for name, size in row.sizes.items()]
                states.append(tuple(s.expand(x.shape[0], -1) for s in learned))
            else:
                states.append(tuple(x.new_zeros(x.shape[0], size, dtype=dtype) for size in sizes))
        return states

    def _dtype(self, x: Tensor) -> torch.dtype:
        """Of states: that of the weights, which under autocast is wider than the input's."""
        return next((p.dtype for p in self.parameters()), x.dtype)

    def _pack(self, states: Sequence[tuple[Tensor, ...]]) -> Tensor:
        rows = [torch.cat(row, -1) for row in states]
        return torch.stack([functional.pad(r, (0, self.width - r.shape[-1])) for r in rows], 1)

    def extra_repr(self) -> str:
        stack = self.stack
        shown = [stack.cell.name, str(stack.features), *([] if stack.hidden is None else [f"hidden={stack.hidden}"])]
        shown += [f"{name}={value:g}" for name, value in stack.params]
        shown += [f"num_layers={stack.num_layers}"] * (stack.num_layers > 1)
        shown += ["bidirectional"] * stack.bidirectional + [f"dropout={self.dropout:g}"] * (self.dropout > 0)
        shown += [f"returns={self.returns}"] + ["initial_state=learned"] * self.learned
        shown += ["recompute"] * self.recompute
        return ", ".join(shown)


def _shown(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _end(y_TBO: Tensor, lengths: Tensor | None, reverse_time: bool) -> Tensor:
    """The output at the last step that a direction comes to; 0 for a sequence without steps."""
    if not len(y_TBO):
        return y_TBO.new_zeros(y_TBO.shape[1:])
    if reverse_time or lengths is None:
        return y_TBO[0 if reverse_time else -1]
    return y_TBO[lengths - 1, torch.arange(y_TBO.shape[1], device=y_TBO.device)]  # length 0: the last step, padding


def _check(lengths: Tensor, x: Tensor) -> None:
    """Lengths are 0 to T.  Looked at where that is free: not on a GPU, not while compiling or within torch.func."""
    if torch.compiler.is_compiling() or transformed() or lengths.device.type != "cpu" or lengths.numel() == 0:
        return
    low, high = int(lengths.min()), int(lengths.max())
    if low < 0 or high > x.shape[1]:
        raise NetspecError(
            "NS503",
            f"a length is at least 0 and at most the {x.shape[1]} steps of the batch, received "
            f"{low if low < 0 else high}",
        )
