"""States that go on from call to call: a long sequence in pieces, or a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.compiler import is_exporting

from netspec.cells.run.direction import transformed
from netspec.source.errors import NetspecError

if TYPE_CHECKING:
    from netspec.cells.run.module import Recurrent


class StateMemory:
    """What one module remembers: for each state its value in every layer, without gradient."""

    def __init__(self, name: str, module: Recurrent) -> None:
        self.name, self.module = name, module
        self.kept: list[tuple[Tensor, ...]] | None = None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of the module, or one that is pickled, carries nothing: no `carrying` would ever end it."""
        return type(None), ()

    def states(self, x: Tensor, dtype: torch.dtype) -> list[tuple[Tensor, ...]] | None:
        """The states to begin with, in the type that states have now; None before the first call.

        Raises NS504 when the batch has another size.
        """
        if self.kept is None:
            return None
        batch = self.kept[0][0].shape[0] if self.kept[0] else x.shape[0]
        if batch != x.shape[0]:
            raise NetspecError("NS504", f"`{self.name}` carries the states of {batch} sequences, the batch has "
                               f"{x.shape[0]}", hint="`reset()` before other sequences begin; pieces of the same "
                               "sequences come in batches of one size")  # fmt: skip
        return [tuple(s.to(x.device, dtype) for s in row) for row in self.kept]

    def keep(self, states: Sequence[tuple[Tensor, ...]]) -> None:
        """Raises NS504 where they are no values: within torch.func, and while a graph is exported."""
        within = "a transform of torch.func" if transformed() else "torch.export" if is_exporting() else ""
        if within:
            raise NetspecError("NS504", f"`{self.name}` carries its states from call to call, and those of a call "
                               f"within {within} are gone after it", hint="call it outside of `carrying`: give "
                               "`initial_state` as an input, take the port `state` as an output")  # fmt: skip
        self.kept = [tuple(s.detach() for s in row) for row in states]


class CarriedStates:
    """The states of all recurrent modules inside of `carrying`."""

    def __init__(self, slots: Mapping[str, StateMemory]) -> None:
        self._slots = slots

    def reset(self) -> None:
        """Forget everything: the next call begins as the modules say."""
        for slot in self._slots.values():
            slot.kept = None

    def state(self) -> dict[str, Tensor]:
        """`path.state` -> (B, layers, size), of every module that has run; what `load` takes."""
        found = {}
        for path, slot in self._slots.items():
            if slot.kept is None:
                continue
            for i, name in enumerate(slot.module.stack.cell.states):
                parts = [row[i] for row in slot.kept]
                size = max(p.shape[-1] for p in parts)
                found[_key(path, name)] = torch.stack([nn.functional.pad(p, (0, size - p.shape[-1])) for p in parts], 1)
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; modules without an entry begin anew.

        Raises NS504 for a name that no module has, a state without the others of its module, or another shape.
        """
        known = {_key(path, name): (slot, name) for path, slot in self._slots.items()
                 for name in slot.module.stack.cell.states}  # fmt: skip
        for key, value in state.items():
            if key not in known:
                raise NetspecError("NS504", f"no recurrent layer has the state `{key}`",
                                   hint=f"there are {', '.join(f'`{k}`' for k in known)}")  # fmt: skip
            slot, name = known[key]
            expected = (slot.module.stack.rows, slot.module.stack.states[name])
            if value.ndim != 3 or tuple(value.shape[1:]) != expected:
                raise NetspecError("NS504", f"the state `{key}` is (B, {expected[0]}, {expected[1]}), received "
                                   f"{tuple(value.shape)}")  # fmt: skip
        found: dict[str, list[tuple[Tensor, ...]]] = {}
        for path, slot in self._slots.items():
            keys = [_key(path, name) for name in slot.module.stack.cell.states]
            given = [state[key] for key in keys if key in state]
            if given and (len(given) < len(keys) or len({g.shape[0] for g in given}) > 1):
                raise NetspecError("NS504", f"`{slot.name}` needs {', '.join(f'`{k}`' for k in keys)} of one batch, "
                                   f"received {', '.join(f'`{k}`' for k in keys if k in state)}")  # fmt: skip
            if given:
                found[path] = [
                    tuple(
                        g[:, row, :n].clone() for g, n in zip(given, slot.module.stack.sizes(row).values(), strict=True)
                    )
                    for row in range(slot.module.stack.rows)
                ]
        self.reset()
        for path, rows in found.items():
            self._slots[path].keep(rows)


@contextmanager
def carrying(module: nn.Module) -> Iterator[CarriedStates]:
    """While inside, each recurrent module begins a call with the final state of its call before, cut from the graph.

    The first call, and the first after `reset`, begins as the module says.  Raises NS504 for a bidirectional module,
    which needs the end of a sequence before its beginning.
    """
    from netspec.cells.run.module import Recurrent

    found = {path: m for path, m in module.named_modules() if isinstance(m, Recurrent)}
    for path, recurrent in found.items():
        if recurrent.stack.bidirectional:
            raise NetspecError("NS504", f"`{path or 'module'}` is bidirectional: it reads a sequence from its end, "
                               "and no state can be carried into the next piece",
                               hint="use one direction, or whole sequences")  # fmt: skip
    slots = {path: StateMemory(path or "module", m) for path, m in found.items()}
    before = {path: m.slot for path, m in found.items()}
    for path, recurrent in found.items():
        recurrent.slot = slots[path]
    try:
        yield CarriedStates(slots)
    finally:
        for path, recurrent in found.items():
            recurrent.slot = before[path]


def _key(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
