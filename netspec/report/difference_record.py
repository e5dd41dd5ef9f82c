"""A difference as a program reads it: records whose schema is `schemas/diff.schema.json`.

Nothing is left out of it, and what is the same gives the same text.  Sizes that depend on named axes are text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.report.problems.json import as_data as problem_data
from netspec.review import difference as review
from netspec.review.changes.layer_changes import set_fields
from netspec.review.compared import Compared
from netspec.review.explain.cause_of import LayerCauses
from netspec.shapes.dim import Dim
from netspec.source.text import show

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ChangeRecord:
    """One value before and after; null: it was not there."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class CauseRecord:
    """One change of the text: `path` in the file (`vars.width`), both values as YAML, and the `line` of the newer text
    (of the older where it was removed); `file` where that is another than the one named.  `kind`: changed, added,
    removed, renamed, moved or order."""

    kind: str
    path: str
    before: str | None
    after: str | None
    file: str
    line: int | None
    note: str


@dataclass(frozen=True)
class SideRecord:
    """A layer in one network: `fields` that are not at their defaults, what it reads, its shapes by output, its costs
    for one sample (`activations` in bytes)."""

    name: str
    type: str
    fields: dict[str, Any]
    reads: list[str]
    shapes: dict[str, str]
    params: int
    flops: int | str
    activations: int | str


@dataclass(frozen=True)
class LayerRecord:
    """A layer that is in one network (`status` added or removed) or in both (changed, renamed, affected): `changes` are
    written, `effects` follow from changes of it or of others.  `causes`: the changes of the text that it comes of, as
    numbers in the list of all; none where that is not known."""

    status: str
    before: SideRecord | None
    after: SideRecord | None
    changes: list[ChangeRecord]
    effects: list[ChangeRecord]
    causes: list[int]


@dataclass(frozen=True)
class EntryRecord:
    """One idea: the same change in `count` places.  `places` are their names, folded, and `layers` all names."""

    status: str
    text: str
    places: str
    count: int
    kind: str
    wiring: str
    effect: str
    layers: list[str]


@dataclass(frozen=True)
class WeightsRecord:
    """What becomes of a checkpoint of the network before, by names in `state_dict`.

    `by_structure`: tensor -> its place in the network after, of the same shape; `sliced`: of another; `new` have no
    tensor before, `lost` none after; `by_name` load under their own names; `misplaced` of these load into another place
    than the one given here ("": into none of theirs).
    """

    by_structure: dict[str, str]
    sliced: dict[str, str]
    new: list[str]
    lost: list[str]
    by_name: list[str]
    misplaced: dict[str, str]


@dataclass(frozen=True)
class DifferenceRecord:
    """The difference of two networks.  `verdict`: same text, same network, data or training only, same function, other
    names, or architecture changed; `headline` says what else changed.  `sections`: data, train, budget, cells."""

    verdict: str
    headline: str
    causes: list[CauseRecord]
    entries: list[EntryRecord]
    layers: list[LayerRecord]
    affected: list[LayerRecord]
    interface: list[ChangeRecord]
    weights: WeightsRecord
    sections: dict[str, list[CauseRecord]]
    totals: list[ChangeRecord]


@dataclass(frozen=True)
class NetworkRecord:
    """One network: its `path`, the names of both sides, and the difference, or the problems that keep it from being
    found.  `crossed`: the limits of `--fail-on` that the change crosses, as sentences."""

    path: str
    before: str
    after: str
    problems: list[dict[str, Any]]
    crossed: list[str]
    difference: DifferenceRecord | None


@dataclass(frozen=True)
class DiffDocument:
    """What `netspec diff --format json` prints: the networks that were compared."""

    format_version: int
    networks: list[NetworkRecord]


def document(networks: Iterable[Compared]) -> dict[str, Any]:
    """The differences in JSON's types."""
    return asdict(DiffDocument(FORMAT_VERSION, [_network(network) for network in networks]))


def _network(network: Compared) -> NetworkRecord:
    return NetworkRecord(
        network.path,
        network.before,
        network.after,
        [problem_data(problem) for problem in network.problems],
        list(network.crossed),
        None if network.difference is None else record_of(network.difference),
    )


def record_of(difference: review.Difference) -> DifferenceRecord:
    weights, matching = difference.weights, difference.matching
    why, numbers = LayerCauses(difference), {cause: i for i, cause in enumerate(difference.causes)}
    return DifferenceRecord(
        verdict=str(difference.verdict),
        headline=difference.headline,
        causes=_causes(difference.causes),
        entries=[
            EntryRecord(e.status, e.text, e.places, e.count, e.kind, e.wiring, e.effect, [n.name for n in e.layers])
            for e in difference.entries
        ],
        layers=[_layer(layer, matching, [numbers[cause] for cause in why.of(layer)]) for layer in difference.layers],
        affected=[_layer(layer, matching, []) for layer in difference.affected],
        interface=_changes(difference.interface),
        weights=WeightsRecord(
            by_structure=dict(weights.by_structure),
            sliced=dict(weights.sliced),
            new=list(weights.new),
            lost=list(weights.lost),
            by_name=list(weights.by_name),
            misplaced=dict(weights.misplaced),
        ),
        sections={name: _causes(causes) for name, causes in difference.sections.items()},
        totals=_changes(difference.totals),
    )


def _causes(causes: Iterable[review.Cause]) -> list[CauseRecord]:
    return [
        CauseRecord(c.kind, c.path, c.before, c.after, c.file, c.span.line if c.span else None, c.note) for c in causes
    ]


def _layer(layer: review.LayerChange, matching: review.Matching, causes: list[int]) -> LayerRecord:
    return LayerRecord(
        layer.status,
        _side(matching.before, layer.before),
        _side(matching.after, layer.after),
        _changes(layer.changes),
        _changes(layer.effects),
        causes,
    )


def _side(graph: Graph, node: Node | None) -> SideRecord | None:
    if node is None:
        return None
    cost = cost_of(graph, node)
    return SideRecord(
        name=node.name,
        type=node.kind,
        fields={name: _plain(value) for name, value in set_fields(node).items()},
        reads=list(map(str, node.inputs)),
        shapes={port or "output": str(type_) for port, type_ in node.outputs.items()},
        params=cost.params,
        flops=_plain(cost.flops),
        activations=_plain(cost.activations),
    )


def _changes(changes: Iterable[review.Change]) -> list[ChangeRecord]:
    return [ChangeRecord(c.what, _plain(c.before), _plain(c.after)) for c in changes]


def _plain(value: Any) -> Any:
    """A value in JSON's types, which have no infinity: as a file has it."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return show(value)
    return str(value) if isinstance(value, Dim) else value
