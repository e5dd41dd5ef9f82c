"""What changed between two networks, all of it put together."""

from __future__ import annotations

from netspec.graph.cost import depth, total
from netspec.graph.model import Graph
from netspec.review.changes.interface import interface_changes
from netspec.review.changes.layer_changes import COSTS, layer_changes
from netspec.review.changes.sections import sections
from netspec.review.changes.weights import weight_fates
from netspec.review.difference import Change, Difference, Side, Verdict
from netspec.review.explain.causes import causes
from netspec.review.group.entries import entries
from netspec.review.match.networks import match
from netspec.review.verdict import judge


def diff(before: Graph, after: Graph) -> Difference:
    """Compare two networks; without their text, causes are not known."""
    return compare(before, after)


def compare(before: Side | Graph, after: Side | Graph) -> Difference:
    """Compare two sides; a graph is one without text."""
    old, new = (side if isinstance(side, Side) else Side(side.name, side) for side in (before, after))
    matching = match(old.spec or Graph(), new.spec or Graph())
    layers, affected = layer_changes(matching)
    written = causes(old, new)
    difference = Difference(
        old,
        new,
        Verdict.ARCHITECTURE,  # until all else is known
        "",
        matching,
        causes=written,
        layers=layers,
        entries=entries(matching, layers),
        affected=affected,
        interface=interface_changes(matching),
        weights=weight_fates(matching),
        sections=sections(old, new, written),
        totals=totals(matching.before, matching.after),
    )
    difference.verdict, difference.headline = judge(difference)
    return difference


def totals(before: Graph, after: Graph) -> list[Change]:
    """Parameters, FLOPs, activations and depth of both networks, whether or not they differ."""
    costs = total(before), total(after)
    figures = [Change(what, *(getattr(cost, what) for cost in costs)) for what in COSTS]
    return [*figures, Change("depth", depth(before), depth(after))]
