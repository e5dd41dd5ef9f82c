"""One run of a reference: the weights by their names, the element type, and whether it trains."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Store:
    """The tensors of a network by their full names, in float64, made when they are first asked for.

    Values are exact in float32, so that both precisions compute with the same numbers.
    """

    seed: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    trainable: dict[str, bool] = field(default_factory=dict)  # parameter -> False where it is frozen
    buffers: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)  # a shared tensor's second name -> its owner's
    changes: dict[str, bool] = field(default_factory=dict)  # container -> whether F changes the shape, by its formula
    begins: dict[str, Any] = field(default_factory=dict)  # parameter -> its `init`, where one is given

    def parameter(self, name: str, shape: Sequence[int]) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = self._random(name, shape, -0.7, 0.7)
            self.trainable[name] = True
        if tuple(self.tensors[name].shape) != tuple(shape):
            raise ValueError(f"{name} is {tuple(self.tensors[name].shape)}, needed as {tuple(shape)}")
        return self.tensors[name]

    def buffer(self, name: str, shape: Sequence[int], low: float, high: float) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = self._random(name, shape, low, high)
            self.buffers.add(name)
        return self.tensors[name]

    def _random(self, name: str, shape: Sequence[int], low: float, high: float) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + zlib.crc32(name.encode()))
        return (torch.rand(tuple(shape), generator=generator) * (high - low) + low).double()

    def kept(self) -> dict[str, Any]:
        """What a run that fails half way must not leave changed."""
        return {name: value.copy() for name, value in vars(self).items() if name != "seed"}

    def restore(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)

    def count(self) -> int:
        """Parameters, each shared one once."""
        return sum(self.tensors[name].numel() for name in self.trainable)


@dataclass
class Run:
    """One forward pass."""

    store: Store
    dtype: torch.dtype = torch.float64
    training: bool = False
    axes: Mapping[str, int] = field(default_factory=dict)  # symbolic axis -> its size
    buffers: dict[str, Tensor] = field(default_factory=dict)  # running statistics as this run leaves them
    drops: bool = False  # a dropout layer drew numbers, in the order of memory
    random: bool = False  # a layer drew numbers in an order that no document fixes
    leaves: dict[str, Tensor] = field(default_factory=dict)  # parameters of this run, for gradients
    with_grad: bool = False

    def parameter(self, name: str, shape: Sequence[int]) -> Tensor:
        if name not in self.leaves:
            value = self.store.parameter(name, shape).to(self.dtype)
            self.leaves[name] = value.clone().requires_grad_() if self.with_grad else value
        self.store.parameter(name, shape)
        return self.leaves[name]

    def buffer(self, name: str, shape: Sequence[int], low: float, high: float) -> Tensor:
        if name not in self.buffers:
            self.buffers[name] = self.store.buffer(name, shape, low, high).to(self.dtype, copy=True)
        return self.buffers[name]

    def counter(self, name: str) -> Tensor:
        """Batches seen so far."""
        if name not in self.buffers:
            if name not in self.store.tensors:
                self.store.tensors[name] = torch.tensor(3)
                self.store.buffers.add(name)
            self.buffers[name] = self.store.tensors[name].clone()
        return self.buffers[name]


@dataclass
class Call:
    """One layer at work: its YAML fields, its inputs in order, and by name where `from` names them."""

    run: Run
    path: str
    kind: str
    fields: Mapping[str, Any]
    inputs: list[Tensor]
    ports: Mapping[str, Tensor]
    source: str = ""  # the layer whose weights these are (`share`)

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)

    @property
    def x(self) -> Tensor:
        return self.inputs[0]

    def weight(self, name: str, *shape: int) -> Tensor:
        return self.run.parameter(self.owner(name), shape)

    def owner(self, name: str) -> str:
        """The full name of the tensor: the shared layer's where that has one of this name."""
        store, own = self.run.store, f"{self.path}.{name}"
        if own in store.aliases:
            return store.aliases[own]
        if self.source:
            full = f"{self.source}.{name}"
            full = store.aliases.get(full, full)
            if full in store.tensors:
                store.aliases[own] = full
                return full
        return own


Function = Callable[[Call], "Tensor | dict[str, Tensor]"]
KINDS: dict[str, Function] = {}


def kinds(*names: str) -> Callable[[Function], Function]:
    """Enter a function for these kinds."""

    def enter(function: Function) -> Function:
        for name in names:
            KINDS[name] = function
        return function

    return enter
