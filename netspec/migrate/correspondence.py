"""What `correspond.py` finds: what each tensor of a new network is made of, and where the old function ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.graph.model import Graph, Ref
from netspec.layers.weight_axes import Taps, Units
from netspec.migrate.axes import Axes
from netspec.migrate.begin import Fill


@dataclass(frozen=True)
class UnitSpan:
    """A run of units along an axis of a weight, in the old and in the new network, and the number of their axis."""

    old: Units
    new: Units
    axis: int


# Both sides of an axis of a weight: runs of units, or taps; None for entries of a table, and where nothing is said.
Pair = tuple[UnitSpan, ...] | tuple[Taps, Taps] | None


@dataclass(frozen=True)
class Made:
    """A tensor of the new network that is made from one of the old: along each axis its units, its taps, or entries."""

    name: str
    old: str
    along: tuple[Pair, ...]
    padding: int | None = None  # an entry of a table that stays as it begins


@dataclass(frozen=True)
class Placed:
    """What an output of the new network stands for: one of the old, and the numbers of the axes behind the batch."""

    ref: Ref
    axes: tuple[int, ...]


@dataclass
class Correspondence:
    """`made` and `filled` are tensors of the new network by name; what is in neither begins as it would anyhow."""

    before: Graph
    after: Graph
    axes: Axes = field(default_factory=Axes)
    made: dict[str, Made] = field(default_factory=dict)
    filled: dict[str, tuple[Fill, str]] = field(default_factory=dict)  # with what it does there
    inputs: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)  # new name -> old name, axes
    outputs: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    breaks: dict[str, str] = field(default_factory=dict)  # layer -> why the function ends there
    doubts: dict[str, str] = field(default_factory=dict)  # layer -> what may change the function
    otherwise: dict[str, str] = field(default_factory=dict)  # of these: whose function of given weights is another
