"""States that go on from call to call: a long sequence in pieces, or a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netspec.cells.run.module import Recurrent
from netspec.cells.run.state_memory import StateMemory
from netspec.source.errors import NetspecError


class CarriedStates:
    """The states of all recurrent modules inside of `carrying`."""

    def __init__(self, memories: Mapping[str, StateMemory]) -> None:
        self._memories = memories

    def reset(self) -> None:
        """Forget everything: the next call begins as the modules say."""
        for memory in self._memories.values():
            memory.last = None

    def state(self) -> dict[str, Tensor]:
        """`path.state` -> (B, layers, size), of every module that has run; what `load` takes."""
        tensors = {}
        for path, memory in self._memories.items():
            if memory.last is None:
                continue
            for i, name in enumerate(memory.stack.cell.states):
                parts = [row[i] for row in memory.last]
                size = max(p.shape[-1] for p in parts)
                tensors[_key(path, name)] = torch.stack(
                    [nn.functional.pad(p, (0, size - p.shape[-1])) for p in parts], 1
                )
        return tensors

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; modules without an entry begin anew.

        Raises NS504 for a name that no module has, a state without the others of its module, or another shape.
        """
        known = {
            _key(path, name): (memory, name)
            for path, memory in self._memories.items()
            for name in memory.stack.cell.states
        }
        for key, value in state.items():
            if key not in known:
                raise NetspecError(
                    "NS504",
                    f"no recurrent layer has the state `{key}`",
                    hint=f"there are {', '.join(f'`{k}`' for k in known)}",
                )
            memory, name = known[key]
            expected = (memory.stack.rows, memory.stack.states[name])
            if value.ndim != 3 or tuple(value.shape[1:]) != expected:
                raise NetspecError(
                    "NS504", f"the state `{key}` is (B, {expected[0]}, {expected[1]}), received {tuple(value.shape)}"
                )
        states: dict[str, list[tuple[Tensor, ...]]] = {}
        for path, memory in self._memories.items():
            keys = [_key(path, name) for name in memory.stack.cell.states]
            tensors = [state[key] for key in keys if key in state]
            if tensors and (len(tensors) < len(keys) or len({g.shape[0] for g in tensors}) > 1):
                raise NetspecError(
                    "NS504",
                    f"`{memory.name}` needs {', '.join(f'`{k}`' for k in keys)} of one batch, "
                    f"received {', '.join(f'`{k}`' for k in keys if k in state)}",
                )
            if tensors:
                states[path] = [
                    tuple(g[:, row, :n].clone() for g, n in zip(tensors, memory.stack.sizes(row).values(), strict=True))
                    for row in range(memory.stack.rows)
                ]
        self.reset()
        for path, rows in states.items():
            self._memories[path].keep(rows)


@contextmanager
def carrying(module: nn.Module) -> Iterator[CarriedStates]:
    """While inside, each recurrent module begins a call with the final state of its call before, cut from the graph.

    The first call, and the first after `reset`, begins as the module says.  Raises NS504 for a bidirectional module,
    which needs the end of a sequence before its beginning.
    """
    cells = {path: m for path, m in module.named_modules() if isinstance(m, Recurrent)}
    for path, recurrent in cells.items():
        if recurrent.stack.bidirectional:
            raise NetspecError(
                "NS504",
                f"`{path or 'module'}` is bidirectional: it reads a sequence from its end, "
                "and no state can be carried into the next piece",
                hint="use one direction, or whole sequences",
            )
    memories = {path: StateMemory(path or "module", m.stack) for path, m in cells.items()}
    before = {path: m.memory for path, m in cells.items()}
    for path, recurrent in cells.items():
        recurrent.memory = memories[path]
    try:
        yield CarriedStates(memories)
    finally:
        for path, recurrent in cells.items():
            recurrent.memory = before[path]


def _key(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
