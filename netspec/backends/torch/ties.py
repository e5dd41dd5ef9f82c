"""One tensor under several names stays one tensor.

torch keeps a weight that two modules share together where it changes the weight in place, which it does on most ways
but not on all (`to("meta")`, `to_empty`, `load_state_dict(assign=True)`); buffers it replaces in each module alone.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

NamedTensor = tuple[MutableMapping[str, Any], str]  # a module's table and the name in it


def _named_tensors(module: nn.Module) -> Iterator[tuple[NamedTensor, Tensor]]:
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    yield (table, name), tensor


class Ties:
    """The names of a module that are one tensor now, and are to be one again."""

    def __init__(self, module: nn.Module) -> None:
        self.groups: dict[Tensor, list[NamedTensor]] = {}  # torch hashes a tensor by identity, not by value
        for name, tensor in _named_tensors(module):
            self.groups.setdefault(tensor, []).append(name)

    def restore(self) -> None:
        """Where they were given different ones, the last that is new counts, as when all are copied into one memory."""
        for tensor, group in self.groups.items():
            new = [table[name] for table, name in group if table[name] is not tensor]
            if len(group) > 1 and new:
                for table, name in group:
                    table[name] = new[-1]


@contextmanager
def kept_ties(module: nn.Module) -> Iterator[None]:
    """Whatever happens to the module inside: names of one tensor before are names of one tensor after."""
    ties = Ties(module)
    try:
        yield
    finally:
        ties.restore()


@contextmanager
def keep_buffers(module: nn.Module) -> Iterator[None]:
    """A buffer that is converted stays the same object, as torch's parameters do: a tie may reach out of `module`."""
    before = [(part._buffers, *item) for part in module.modules() for item in part._buffers.items()]
    yield
    for table, name, old in before:
        new = table[name]
        if old is not None and new is not None and new is not old and torch._has_compatible_shallow_copy_type(old, new):
            old.data = new
            table[name] = old
