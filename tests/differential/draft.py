"""A network while it is drawn: its text as data, and what each name holds at two sizes of every symbolic axis.

What differs between the two sizes is symbolic.  Every entry is run by the reference as it is drawn, so that most
networks are ones that torch can run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tests.differential.reference.network import KINDS, Frame, Network, Run, Store, UndefinedError, Value

MAX_VALUES = 6000  # of one tensor: small networks are many networks
REFUSALS = (RuntimeError, ValueError, IndexError, KeyError, AssertionError, TypeError, UndefinedError)


@dataclass(frozen=True)
class Live:
    """Something a layer can read: its reference, and its tensor at both sizes."""

    name: str
    a: Tensor
    b: Tensor

    @property
    def rank(self) -> int:
        return self.a.ndim

    @property
    def floating(self) -> bool:
        return self.a.is_floating_point()

    def size(self, axis: int) -> int | None:
        """The size, None where it is symbolic or there is no such axis."""
        if axis >= self.rank:
            return None
        return self.a.shape[axis] if self.a.shape[axis] == self.b.shape[axis] else None

    def least(self, axis: int) -> int:
        return min(self.a.shape[axis], self.b.shape[axis])

    @property
    def shape(self) -> tuple[int | None, ...]:
        return tuple(self.size(i) for i in range(1, self.rank))

    def like(self, other: Live) -> bool:
        """Of one shape at both sizes."""
        return self.a.shape == other.a.shape and self.b.shape == other.b.shape and self.a.dtype == other.a.dtype


def entry_is_layer(entry: Any) -> bool:
    """A layer of a kind, once: its ports are reached by its name."""
    return isinstance(entry, str) or (entry["type"] in KINDS and "repeat" not in entry)


def _inside(name: str, a: Value, b: Value) -> list[Live]:
    """What a container or a repeat holds, by its path."""
    found = []
    for step, inner in a.inner.items():
        for port, tensor in inner.ports.items():
            if step in b.inner and port in b.inner[step].ports:
                full = f"{name}.{step}.{port}" if port else f"{name}.{step}"
                found.append(Live(full, tensor, b.inner[step].ports[port]))
    return found


@dataclass
class Draft:
    """Names in one scope; `document` is shared by the scopes inside it."""

    rng: random.Random
    document: dict[str, Any]
    axes: tuple[dict[str, int], dict[str, int]]
    frames: tuple[Frame, Frame]
    layers: dict[str, Any] = field(default_factory=dict)  # of this scope
    lives: list[Live] = field(default_factory=list)
    last: Live | None = None
    counter: list[int] = field(default_factory=lambda: [0])  # shared, so that no name is used twice
    store: Store = field(default_factory=Store)
    depth: int = 0
    wants: list[str] = field(default_factory=list)  # kinds that have not been drawn for long

    def fresh(self, stem: str) -> str:
        self.counter[0] += 1
        return f"{stem}{self.counter[0]}"

    def add(self, name: str, entry: Any) -> bool:
        """Run the entry at both sizes and keep it; False, and nothing changed, where the reference refuses."""
        made: list[Value] = []
        kept = self.store.kept()
        before = [(dict(f.values), f.last) for f in self.frames]
        try:
            for frame, axes in zip(self.frames, self.axes, strict=True):
                run = Run(self.store, torch.float64, False, axes)
                with torch.no_grad():
                    value = Network(self.document).define(run, frame, name, entry)
                if value is not None:
                    made.append(value)
                    for tensor in value.ports.values():
                        if not 0 < tensor.numel() <= MAX_VALUES or not bool(tensor.isfinite().all()):
                            raise ValueError("too large")
        except REFUSALS:
            self.store.restore(kept)
            for frame, (values, last) in zip(self.frames, before, strict=True):
                frame.values, frame.last = values, last
            return False
        self.layers[name] = entry
        if made:
            main = "" in made[0].ports
            found = [Live(f"{name}.{port}" if port else name, made[0].ports[port], made[1].ports[port])
                     for port in made[0].ports
                     if not port or entry_is_layer(entry) or not (main or port.isdigit())]  # fmt: skip
            self.lives += found
            self.last = found[0] if main else None
            if self.rng.random() < 0.3:
                self.lives += _inside(name, made[0], made[1])
        return True

    def inside(self, x: Live, prefix: str) -> Draft:
        """The scope of a container that reads x: what is drawn there is run here, and put into the entry."""
        frames = tuple(
            Frame(prefix, f.env, above=f, last=Value({"": t}, x.name))
            for f, t in zip(self.frames, (x.a, x.b), strict=True)
        )
        lives = [live for live in self.lives if self.rng.random() < 0.3]
        return Draft(
            self.rng,
            self.document,
            self.axes,
            (frames[0], frames[1]),
            lives=lives,
            last=x,
            counter=self.counter,
            store=Store(),
            depth=self.depth + 1,
            wants=self.wants,
        )

    def block(self, xs: Mapping[str, Live]) -> Draft:
        """The scope of a block with these inputs: it sees nothing else."""
        frames = []
        for tensors in ({n: x.a for n, x in xs.items()}, {n: x.b for n, x in xs.items()}):
            frame = Frame("block.", {}, {n: Value({"": t}, n) for n, t in tensors.items()})
            frame.last = frame.values["in"] if len(tensors) == 1 else None
            frames.append(frame)
        lives = [Live(n, x.a, x.b) for n, x in xs.items()]
        return Draft(
            self.rng,
            self.document,
            self.axes,
            (frames[0], frames[1]),
            lives=lives,
            last=lives[0] if len(lives) == 1 else None,
            counter=self.counter,
            store=Store(),
            depth=self.depth + 1,
            wants=self.wants,
        )
