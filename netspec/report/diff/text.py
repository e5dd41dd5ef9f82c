"""A difference as text for a review: verdict, causes as written, changes grouped, interface, weights, totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.report.bars import MEANINGS, bar
from netspec.report.checkpoint_text import loaded_elsewhere, weights_text
from netspec.report.diff import (
    SIGNS,
    TOTALS,
    affected_text,
    amounts,
    cause_lines,
    change_text,
    changed_totals,
    entry_text,
    growth_text,
    interface_text,
    is_slight,
    notes,
    section_lines,
    whole_text,
)
from netspec.report.equations import cell_text, equation_changes, equation_lines
from netspec.report.numbers import count, short
from netspec.report.problems.text import listed
from netspec.report.styled import Line, Lines, Styled, plain
from netspec.review.changes.layer_changes import set_fields
from netspec.review.compared import Compared
from netspec.review.difference import Cause, Change, Difference, Entry, LayerChange, Verdict
from netspec.review.explain.cause_lines import reference
from netspec.review.explain.cause_of import LayerCauses
from netspec.review.group.edits import edit_text, kind_text
from netspec.shapes.dim import Dim

_COLOUR = {"added": "green", "removed": "red", "changed": "yellow", "renamed": "cyan", "affected": "dim"}
_VERDICT = {Verdict.ARCHITECTURE: "yellow", Verdict.SAME_FUNCTION: "cyan", Verdict.LEARNING: "cyan"}
_HEAD = "{:<12}"  # what begins a line
_LONGEST_BAR = 24
MAX_NAMES = 6  # of networks in one line
MAX_ENTRIES = 60


def render(networks: Sequence[Compared], every: bool) -> Iterator[Any]:
    if not networks:
        yield "no network differs"
    groups = alike(networks, every)
    if len(groups) > 1:
        yield Lines(partial(_verdicts, networks))
    for group in groups:
        if len(groups) > 1:
            yield ""
        if group[0].difference is None:
            yield from listed((problem, "error") for problem in group[0].problems)
        else:
            yield Lines(partial(group_lines, group, every))


def alike(networks: Sequence[Compared], every: bool) -> list[list[Compared]]:
    """Networks in which the same changed, as it is written here, each with the others."""
    if len(networks) == 1:
        return [list(networks)]
    groups: dict[object, list[Compared]] = {}
    for network in networks:
        difference = network.difference
        same: object = network.path
        if difference is not None:
            same = difference.headline, *map(plain, _changes(difference, every, hint=False))
        groups.setdefault(same, []).append(network)
    return list(groups.values())


def _verdicts(networks: Sequence[Compared], width: int) -> Iterator[Line]:
    """Of many networks the verdict on each, before any is gone into."""
    longest = max(len(network.path) for network in networks)
    for network in networks:
        name = Styled(f"{network.path:<{longest}}  ", "bold")
        if network.difference is None:
            yield name, Styled("cannot be read", "alarm")
            continue
        headline = network.difference.headline
        yield name, Styled(headline, _VERDICT.get(network.difference.verdict, "green"))
        if loud := loaded_elsewhere(network.difference.weights):
            yield Styled(" " * longest), Styled(f"  ! {loud}", "alarm")


def group_lines(group: Sequence[Compared], every: bool, width: int, *, hint: bool = True) -> Iterator[Line]:
    """One network, or what changed in several alike, with the figures in which they differ.

    `hint` names the option that lists all layers.
    """
    first = group[0]
    assert first.difference is not None  # else there is nothing to say
    if len(group) == 1:
        yield from lines(first.difference, first.before, first.after, every, width, hint=hint)
        return
    names = ", ".join(network.path for network in group[:MAX_NAMES])
    more = f" and {len(group) - MAX_NAMES:,} more" if len(group) > MAX_NAMES else ""
    yield _headline(f"{names}{more}", first.difference)
    yield from _changes(first.difference, every, hint=hint)
    differences = [network.difference for network in group if network.difference is not None]
    weights = [_weights(difference) for difference in differences]
    totals = [_totals_text(difference) for difference in differences]
    if len(set(weights)) == 1:
        yield from ((_headed("weights", weights[0]),) if weights[0] else ())
        weights = [""] * len(group)
    if len(set(totals)) == 1:
        yield from _totals(first.difference, width)
        totals = [""] * len(group)
    texts = ["; ".join(filter(None, pair)) for pair in zip(weights, totals, strict=True)]
    if any(texts):
        longest = max(len(network.path) for network in group)
        for network, text in list(zip(group, texts, strict=True))[:MAX_ENTRIES]:
            yield Styled(f"{network.path:<{longest}}  ", "bold"), Styled(text)


def lines(
    difference: Difference, before: str, after: str, every: bool, width: int, *, hint: bool = True
) -> Iterator[Line]:
    """The difference in the order in which it is read; `before` and `after` name the sides.

    `every` spells out all layers.
    """
    yield _headline(f"{before} -> {after}", difference)
    yield from _changes(difference, every, hint=hint)
    if (difference.before.spec is None) == (difference.after.spec is None):
        if weights := _weights(difference):
            yield _headed("weights", weights)
        yield from _totals(difference, width)


def _headline(names: str, difference: Difference) -> Line:
    return Styled(f"{names}: ", "bold"), Styled(difference.headline, _VERDICT.get(difference.verdict, "green"))


def _changes(difference: Difference, every: bool, *, hint: bool) -> Iterator[Line]:
    """All between the headline and the figures."""
    if loud := loaded_elsewhere(difference.weights):
        yield (Styled(f"! {loud}", "alarm"),)
    if (difference.before.spec is None) != (difference.after.spec is None):
        yield from _whole(difference)
        if every:
            yield from (line for layer in difference.layers for line in _layer(layer, difference, ()))
        return
    causes, places = _once(cause_lines(difference), difference.entries)
    yield from ((Styled(f"  {text}"),) for text in causes)
    for i, entry in enumerate(difference.entries[:MAX_ENTRIES]):
        yield from _entry(entry, difference, places.get(i, ""))
    if (more := len(difference.entries) - MAX_ENTRIES) > 0:
        yield (Styled(f"  … and {more:,} more changes{' (--all lists all layers)' if hint else ''}", "dim"),)
    if affected := affected_text(difference):
        yield (Styled(f"· {affected}{' (--all lists all layers)' if hint and not every else ''}", "dim"),)
    if every:
        why = LayerCauses(difference)
        for layer in (*difference.layers, *difference.affected):
            yield from _layer(layer, difference, why.of(layer))
    for change in difference.interface:
        yield _headed("interface", interface_text(change))
    yield from (_headed(name, text) for name, text in section_lines(difference))
    yield from (_headed("note", text) for text in notes(difference))


def _weights(difference: Difference) -> str:
    """What becomes of a checkpoint, where there is something to say of two texts or networks that differ."""
    anything = difference.verdict is not Verdict.SAME_NETWORK or difference.before.files
    return weights_text(difference) if anything else ""


def _once(causes: Sequence[str], entries: Sequence[Entry]) -> tuple[list[str], dict[int, str]]:
    """The lines of causes that no entry repeats word for word, and the places of those that one does."""
    left, places = list(causes), dict[int, str]()
    for i, entry in enumerate(entries):
        for written in _as_causes(entry):
            same = [cause for cause in left if cause.startswith(f"{written} (")]
            if len(same) == 1:
                left.remove(same[0])
                places[i] = same[0].removeprefix(written)
                break
    return left, places


def _as_causes(entry: Entry) -> Iterator[str]:
    """What the text would say where an entry is one edit of one layer."""
    if entry.count == 1 and entry.status == "changed":
        yield f"layers.{entry.places}: {entry.text}"
        yield f"layers.{entry.places}.{entry.text}"
    if entry.count == 1 and entry.status == "renamed" and not entry.places:
        before, _, after = entry.text.partition(" -> ")
        yield f"layers.{before} renamed to {after}"


def _headed(head: str, text: str) -> Line:
    return Styled(_HEAD.format(head), "bold"), Styled(text)


def _whole(difference: Difference) -> Iterator[Line]:
    """A network that is new or deleted: its totals and its interface."""
    status = "added" if difference.before.spec is None else "removed"
    yield Styled(f"{SIGNS[status]} ", _COLOUR[status]), Styled(whole_text(difference))
    for change in difference.interface:
        yield _headed("", f"{change.what} {change.after if status == 'added' else change.before}")


def _entry(entry: Entry, difference: Difference, place: str) -> Iterator[Line]:
    """One idea, at `place` of the text where no other line says so, and what follows of it."""
    sign = Styled(f"{SIGNS[entry.status]} ", _COLOUR[entry.status])
    equations = equation_changes(entry.layers) if entry.status == "changed" else []
    text = entry.text
    for i, change in enumerate(equations):  # which are below
        text = text.replace(edit_text(change), "" if i else cell_text(entry.layers[0], difference.causes), 1)
    text = ", ".join(part for part in text.split(", ") if part)
    beside = entry.status == "changed" and entry.effect and not equations
    effect = (Styled(f"; {entry.effect}", "dim"),) if beside else ()
    yield (sign, Styled(entry_text(replace(entry, text=text)) + place), *effect)
    for change in equations:
        yield from equation_lines(change)
    more = "; ".join(text for text in (entry.wiring, "" if beside else entry.effect) if text)
    if more:
        yield (Styled(f"    {more}", "dim"),)


def _layer(layer: LayerChange, difference: Difference, causes: Sequence[Cause]) -> Iterator[Line]:
    """One layer, spelled out, with the changes of the text that it comes of."""
    why = Styled(f"  by {'; '.join(map(reference, causes))}" if causes else "", "dim")
    sign = Styled(f"  {SIGNS[layer.status]} ", _COLOUR[layer.status])
    node = layer.after or layer.before
    assert node is not None  # a change has at least one side
    if layer.before is None or layer.after is None:
        graph = difference.matching.before if layer.after is None else difference.matching.after
        yield sign, Styled(f"{node.name}: {kind_text(node.kind, list(set_fields(node).items()))}"), why
        yield (Styled(f"      {_figures(graph, node)}", "dim"),)
        return
    name = f"{layer.before.name} -> {node.name}" if layer.before.name != node.name else node.name
    changes = ", ".join(map(change_text, layer.changes))
    yield sign, Styled(f"{name} ({node.kind})" + (f": {changes}" if changes else "")), why
    if effects := ", ".join(change_text(effect) for effect in layer.effects):
        yield (Styled(f"      {effects}", "dim"),)


def _figures(graph: Graph, node: Node) -> str:
    """What a layer reads, gives out and costs."""
    cost = cost_of(graph, node)
    shape = ", ".join(f"{port} {type_}" if port else str(type_) for port, type_ in node.outputs.items())
    texts = [
        f"reads {', '.join(map(str, node.inputs))}",
        shape,
        f"{count(cost.params)} parameters" if cost.params else "",
        f"{short(cost.flops)} FLOPs" if cost.flops else "",
    ]
    return ", ".join(text for text in texts if text)


def _totals(difference: Difference, width: int) -> Iterator[Line]:
    """The totals that changed, each with a bar; those that did not, in a line."""
    changed = changed_totals(difference)
    texts = [[*amounts(change), growth_text(change)] for change in changed]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    room = width - len(_HEAD.format("")) - sum(widths) - len(widths) - 4
    bars = [_bar(change, min(_LONGEST_BAR, room)) for change in changed]
    legend = _legend(part.text for parts in bars for part in parts)
    for change, row, parts in zip(changed, texts, bars, strict=True):
        before, after, growth = (cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        bar_cells = [Styled("  "), *parts] if parts else []
        if parts and legend and min(_LONGEST_BAR, room) + len(legend) + 2 <= room:
            bar_cells.append(Styled(f"  {legend}", "dim"))
            legend = ""
        yield (*_headed(TOTALS[change.what], f"{before} -> {after} {growth}"), *bar_cells)
    same = [TOTALS[change.what] for change in difference.totals if change not in changed]
    if same and difference.entries and difference.verdict is Verdict.ARCHITECTURE:
        yield _headed("unchanged", ", ".join(same))


def _totals_text(difference: Difference) -> str:
    """`activations 33.6 MiB -> 37.9 MiB (+12.8%)`: the totals that changed, in one line."""
    texts = []
    for change in changed_totals(difference):
        before, after = amounts(change)
        growth = growth_text(change)
        texts.append(f"{TOTALS[change.what]} {before} -> {after}" + (f" ({growth})" if growth else ""))
    return ", ".join(texts)


def _legend(bars: Iterable[str]) -> str:
    """What the signs mean that are in some bars."""
    signs = set("".join(bars))
    return " ".join(f"{sign} {meaning}" for sign, meaning in MEANINGS.items() if sign in signs)


def _bar(change: Change, width: int) -> list[Styled]:
    if isinstance(change.before, Dim) or isinstance(change.after, Dim) or is_slight(change):
        return []
    parts = bar(change.before, change.after, width)
    return parts if any(part.text for part in parts[1:]) else []  # else it shows no change
