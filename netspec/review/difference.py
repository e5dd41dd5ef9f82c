"""A difference of two networks, as data: what the parts of this room hand each other and what reports show.

`match` says which layer is which (`Matching`), `explain` what the text changed (`Cause`), `group` puts changes of
layers (`LayerChange`) together to ideas (`Entry`), `weights` says what becomes of a checkpoint (`WeightFates`), and
`compare` makes one `Difference` of it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from netspec.frontend.document import Document
from netspec.graph.model import Graph, Node
from netspec.source.errors import Problem
from netspec.source.text import Source, Span


class Verdict(StrEnum):
    """The one line that a reviewer reads; each says less than the one before it."""

    SAME_TEXT = "same text"  # not one byte differs in any file that was read
    SAME_NETWORK = "same network"  # same names, function, interface, data, training and budget
    LEARNING = "data or training only"  # also init, freeze, budget: given weights compute the same under the same names
    SAME_FUNCTION = "same function, other names"
    ARCHITECTURE = "architecture changed"


@dataclass(frozen=True)
class Change:
    """One value before and after; None: it was not there."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Matching:
    """Which part of one network is which of another: names before -> after, each an injection."""

    before: Graph
    after: Graph
    names: Mapping[str, str]  # of the layers that are in both
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    containers: Mapping[str, str]  # dotted paths of blocks, containers, repeats and their copies
    same_function: bool  # proven: live layers, ordered inputs, ports, shares and outputs correspond, and mean the same

    def mirrored(self) -> Matching:
        """The same seen from the other side."""
        maps = (self.names, self.inputs, self.outputs, self.containers)
        names, inputs, outputs, containers = ({b: a for a, b in names.items()} for names in maps)
        return Matching(self.after, self.before, names, inputs, outputs, containers, self.same_function)


@dataclass(frozen=True)
class Cause:
    """One change of the text, as it is written.

    `kind`: changed | added | removed | renamed | moved | order.  `before` and `after` are short YAML, None: not there.
    `span` is in the newer text, of what is removed in the older.  `file`: where it stands, when it is not the file
    named.  `entry`: the name of the layer, block, cell or variable that it belongs to, where that stands in its text.
    """

    path: str  # `vars.width`, `extends`, `layers.layer1.repeat`, `blocks.basic.layers.body.layers.dropout`
    before: str | None
    after: str | None
    span: Span | None = None
    file: str = ""
    kind: str = "changed"
    entry: Span | None = None
    note: str = ""  # what else is to say: `same function`, `default`


@dataclass(frozen=True)
class LayerChange:
    """One layer that is in both networks and not the same, or in one of them."""

    status: str  # added | removed | changed | renamed (also with changes) | affected (nothing of its own changed)
    before: Node | None
    after: Node | None
    changes: tuple[Change, ...] = ()  # what was written differently: fields, type, from, init, freeze, share, cell
    effects: tuple[Change, ...] = ()  # what follows: shape, params, flops, activations; from, past what came between

    @property
    def name(self) -> str:
        """As it is now; as it was where it is no more."""
        node = self.after or self.before
        return node.name if node else ""


@dataclass(frozen=True)
class Entry:
    """One idea: the same change in one place or in many."""

    status: str  # added | removed | changed | renamed
    text: str  # `out_channels ×1.5`, `relu -> gelu`, `dropout {p: 0.1}`, `8 blocks basic`
    places: str  # folded names: `conv1, layer1–3.*.body.conv1`
    count: int  # of places
    layers: tuple[LayerChange, ...] = ()  # none where an output of the network reads another layer
    kind: str = ""  # of what there are `count`: `conv2d`, `block basic`; empty where they are of several kinds
    wiring: str = ""  # of what was added or removed: `reads pool, read by fc`
    effect: str = ""  # what follows, added up: `+1,024 parameters`, `(B, 10) -> (B, 12)`


@dataclass(frozen=True)
class WeightFates:
    """What becomes of a checkpoint of the network before; names are those of `state_dict`, before -> after."""

    by_structure: Mapping[str, str] = field(default_factory=dict)  # through matched layers, equal shapes
    sliced: Mapping[str, str] = field(default_factory=dict)  # through matched layers, other sizes
    new: tuple[str, ...] = ()  # of the network after: nothing leads there
    lost: tuple[str, ...] = ()  # of the network before: leads nowhere
    by_name: tuple[str, ...] = ()  # what loads under its name with its shape
    misplaced: Mapping[str, str] = field(default_factory=dict)  # loads by name into another place than its own: there;
    # "" where its layer is gone


@dataclass
class Side:
    """A network, as far as there is one.

    `spec` is None for a file that is not there (new or deleted; `absent` says what was looked for), and for one that is
    no network by itself, such as blocks that others include; that has a `document`, its tree with all that it names
    put in.  `files`: every file that was read, by its path from the folder of the first, which is `main`.
    `notes`: what is wrong with `data` and `train`, which keeps no network from being compared.
    """

    name: str  # as the user gave it
    spec: Graph | None = None  # a Spec where it was compiled from a file
    files: Mapping[str, Source] = field(default_factory=dict)
    document: Document | None = None
    notes: tuple[Problem, ...] = ()
    absent: Problem | None = None
    main: str = ""


@dataclass
class Difference:
    """All that is different between two networks; true when anything is that the text alone does not show."""

    before: Side
    after: Side
    verdict: Verdict
    headline: str  # the verdict in words, with all that holds: `same function, other names; training changed`
    matching: Matching
    causes: list[Cause] = field(default_factory=list)
    layers: list[LayerChange] = field(default_factory=list)  # in the order of `after`; not the affected ones
    entries: list[Entry] = field(default_factory=list)  # the same, grouped
    affected: list[LayerChange] = field(default_factory=list)
    interface: list[Change] = field(default_factory=list)  # `input x`, `output y`, `order of inputs`, `lengths`
    weights: WeightFates = field(default_factory=WeightFates)
    sections: dict[str, list[Cause]] = field(default_factory=dict)  # data, train, budget, cells: changes by path
    totals: list[Change] = field(default_factory=list)  # params, flops, activations, depth: all of them, equal or not

    def __bool__(self) -> bool:
        return self.verdict not in (Verdict.SAME_TEXT, Verdict.SAME_NETWORK)
