"""What a page says about a difference in words, beside the picture: the same as `netspec diff` prints, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.graph.model import Graph
from netspec.report.checkpoint_text import loaded_elsewhere, weights_text
from netspec.report.diff import (
    TOTALS,
    affected_text,
    cause_lines,
    change_text,
    entry_text,
    growth_text,
    section_lines,
    total_text,
)
from netspec.report.numbers import short
from netspec.report.page.data import network_page, page_data
from netspec.report.picture.tree import tree
from netspec.report.picture.union import Union
from netspec.review.compared import Compared
from netspec.review.difference import Change, Difference, Entry
from netspec.shapes.dim import Dim, Size
from netspec.source.text import Source

_LISTS = ("causes", "interface", "entries", "weights", "sections", "totals")


def compared_data(networks: list[Compared]) -> dict[str, Any]:
    """The page of a comparison of one network or of many."""
    return page_data([_network(network) for network in networks])


def _network(network: Compared) -> dict[str, Any]:
    difference = network.difference
    if difference is None:
        page = network_page(tree([], {}), Graph(), {}, {}, name=network.path)
        review = _review("broken", [problem.render() for problem in network.problems])
    else:
        union = Union(difference)
        matching = difference.matching
        graph = matching.before if difference.after.spec is None else matching.after
        before, after = (_sources(side.files) for side in (difference.before, difference.after))
        page = network_page(union.tree(), graph, before, after, name=graph.name or network.path)
        loud = loaded_elsewhere(difference.weights)
        review = _review(difference.headline, [loud] if loud else []) | _told(difference, union)
    return {**page, "path": network.path, "before": network.before, "after": network.after, "review": review}


def _review(verdict: str, alarm: list[str]) -> dict[str, Any]:
    empty: dict[str, Any] = {key: [] for key in _LISTS}
    return {"verdict": verdict, "alarm": alarm, "affected": "", **empty}


def _told(difference: Difference, union: Union) -> dict[str, Any]:
    weights = weights_text(difference)
    return {
        "causes": cause_lines(difference),
        "interface": [change_text(change) for change in difference.interface],
        "entries": [_entry(entry, union) for entry in difference.entries],
        "affected": affected_text(difference),
        "weights": [weights] if weights else [],
        "sections": [list(line) for line in section_lines(difference)],
        "totals": [_total(change) for change in difference.totals],
    }


def _entry(entry: Entry, union: Union) -> dict[str, Any]:
    return {
        "status": entry.status,
        "text": entry_text(entry),
        "more": "; ".join(text for text in (entry.wiring, entry.effect) if text),
        "layers": [".".join(union.path(layer)).rstrip(".") for layer in entry.layers],
    }


def _total(change: Change) -> dict[str, Any]:
    """`share`: the amount after by the amount before; 1 where one cannot be told from the other."""
    known = not isinstance(change.before, Dim) and not isinstance(change.after, Dim) and change.before
    return {
        "what": TOTALS[change.what],
        "before": _amount(change.what, change.before),
        "after": _amount(change.what, change.after),
        "growth": growth_text(change) if change.before != change.after else "",
        "share": change.after / change.before if known else 1.0,
    }


def _amount(what: str, value: Size) -> str:
    return short(value) if what == "flops" else total_text(what, value)


def _sources(files: Mapping[str, Source]) -> dict[str, Source]:
    return {source.name: source for source in files.values()}
