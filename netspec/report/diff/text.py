"""A difference as text for a review: verdict, causes as written, changes grouped, interface, weights, totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.report.bars import NARROWEST, bar
from netspec.report.diff import (
    SIGNS,
    TOTALS,
    affected_text,
    cause_lines,
    change_text,
    changed_totals,
    entry_text,
    growth_text,
    interface_text,
    is_slight,
    notes,
    section_lines,
    short_total,
    total_text,
    whole_text,
)
from netspec.report.diff.checkpoint import loaded_elsewhere, weights_text
from netspec.report.equations import cell_text, equation_changes, equation_lines
from netspec.report.numbers import count, short
from netspec.report.problems.text import listed
from netspec.report.styled import Line, Lines, Styled
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
_LONGEST_BAR = 32
MAX_ENTRIES = 60


def render(networks: Sequence[Compared], every: bool) -> Iterator[Any]:
    if not networks:
        yield "no network differs"
    if len(networks) > 1:
        yield Lines(partial(_verdicts, networks))
    for network in networks:
        if len(networks) > 1:
            yield ""
        if network.difference is None:
            yield from listed((problem, "error") for problem in network.problems)
        else:
            yield Lines(partial(lines, network.difference, network.before, network.after, every))


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


def lines(difference: Difference, before: str, after: str, every: bool, width: int) -> Iterator[Line]:
    """The difference in the order in which it is read; `before` and `after` name the sides.

    `every` spells out all layers.
    """
    yield (
        Styled(f"{before} -> {after}: ", "bold"),
        Styled(difference.headline, _VERDICT.get(difference.verdict, "green")),
    )
    if loud := loaded_elsewhere(difference.weights):
        yield (Styled(f"! {loud}", "alarm"),)
    if (difference.before.spec is None) != (difference.after.spec is None):
        yield from _whole(difference)
        if every:
            yield from (line for layer in difference.layers for line in _layer(layer, difference, ()))
        return
    yield from ((Styled(f"  {text}"),) for text in cause_lines(difference))
    for entry in difference.entries[:MAX_ENTRIES]:
        yield from _entry(entry, difference)
    if (more := len(difference.entries) - MAX_ENTRIES) > 0:
        yield (Styled(f"  … and {more:,} more changes (--all lists all layers)", "dim"),)
    if affected := affected_text(difference):
        yield (Styled(f"· {affected}{'' if every else ' (--all lists all layers)'}", "dim"),)
    if every:
        why = LayerCauses(difference)
        for layer in (*difference.layers, *difference.affected):
            yield from _layer(layer, difference, why.of(layer))
    for change in difference.interface:
        yield _headed("interface", interface_text(change))
    anything = difference.verdict is not Verdict.SAME_NETWORK or difference.before.files
    if (weights := weights_text(difference)) and anything:
        yield _headed("weights", weights)
    yield from (_headed(name, text) for name, text in section_lines(difference))
    yield from (_headed("note", text) for text in notes(difference))
    yield from _totals(difference, width)


def _headed(head: str, text: str) -> Line:
    return Styled(_HEAD.format(head), "bold"), Styled(text)


def _whole(difference: Difference) -> Iterator[Line]:
    """A network that is new or deleted: its totals and its interface."""
    status = "added" if difference.before.spec is None else "removed"
    yield Styled(f"{SIGNS[status]} ", _COLOUR[status]), Styled(whole_text(difference))
    for change in difference.interface:
        yield _headed("", f"{change.what} {change.after if status == 'added' else change.before}")


def _entry(entry: Entry, difference: Difference) -> Iterator[Line]:
    sign = Styled(f"{SIGNS[entry.status]} ", _COLOUR[entry.status])
    equations = equation_changes(entry.layers) if entry.status == "changed" else []
    text = entry.text
    for i, change in enumerate(equations):  # which are below
        text = text.replace(edit_text(change), "" if i else cell_text(entry.layers[0], difference.causes), 1)
    text = ", ".join(part for part in text.split(", ") if part)
    beside = entry.status == "changed" and entry.effect and not equations
    effect = (Styled(f"; {entry.effect}", "dim"),) if beside else ()
    yield (sign, Styled(entry_text(replace(entry, text=text))), *effect)
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
    """The totals that changed, each with a bar; those that did not, in a line.

    Where the figures would leave no room for bars they are given to three digits.
    """
    changed = changed_totals(difference)
    for form in (total_text, short_total):
        texts = [[form(c.what, c.before), "->", form(c.what, c.after), growth_text(c)] for c in changed]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        room = width - len(_HEAD.format("")) - sum(widths) - len(widths) - 1
        if room >= NARROWEST:
            break
    for change, row in zip(changed, texts, strict=True):
        cells = " ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        parts = _bar(change, min(_LONGEST_BAR, room))
        yield (*_headed(TOTALS[change.what], cells), *([Styled("  "), *parts] if parts else []))
    same = [TOTALS[change.what] for change in difference.totals if change not in changed]
    if same and difference.entries and difference.verdict is Verdict.ARCHITECTURE:
        yield _headed("unchanged", ", ".join(same))


def _bar(change: Change, width: int) -> list[Styled]:
    if isinstance(change.before, Dim) or isinstance(change.after, Dim) or is_slight(change):
        return []
    return bar(change.before, change.after, width)
