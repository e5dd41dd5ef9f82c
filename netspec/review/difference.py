"""A difference of two networks, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netspec.graph.model import Graph, Node


@dataclass(frozen=True)
class Change:
    """One value before and after; None: it was not there."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class LayerDiff:
    """One layer in both networks or in one of them."""

    status: str  # added | removed | renamed | changed | ripple (affected by changes elsewhere)
    before: Node | None
    after: Node | None
    changes: tuple[Change, ...] = ()  # what was written differently
    effects: tuple[Change, ...] = ()  # what follows: shape, params, flops

    @property
    def name(self) -> str:
        node = self.after or self.before
        return node.name if node else ""


@dataclass
class Diff:
    """The difference of two networks; empty when they are the same."""

    before: Graph
    after: Graph
    layers: list[LayerDiff] = field(default_factory=list)
    interface: list[Change] = field(default_factory=list)  # inputs and outputs of the network
    totals: list[Change] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.layers or self.interface)

    def of(self, status: str) -> list[LayerDiff]:
        return [d for d in self.layers if d.status == status]
