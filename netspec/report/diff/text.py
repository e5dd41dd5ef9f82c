"""A difference as text for a review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.report.diff import set_fields
from netspec.report.numbers import byte_size, count, signed
from netspec.report.problems.text import listed
from netspec.review.compared import Compared
from netspec.review.difference import Change, Diff, LayerDiff
from netspec.source.text import show

_SIGN = {"added": "+", "removed": "-", "renamed": "→", "changed": "~", "ripple": "·"}
_COLOUR = {"head": "bold", "added": "green", "removed": "red", "renamed": "cyan", "changed": "yellow", "ripple": "dim"}
_MAX_RIPPLE = 8


def render(networks: Sequence[Compared], every: bool) -> Iterator[Any]:
    from rich.text import Text

    for network in networks:
        if network.difference is None:
            yield from listed((problem, "error") for problem in network.problems)
            continue
        for status, line in lines(network.difference, network.before, network.after):
            yield Text(line, style=_COLOUR.get(status, ""))


def lines(diff: Diff, before: str, after: str) -> list[tuple[str, str]]:
    """Lines with the status that colours them; `before` and `after` name the two sides."""
    shown = [("head", f"{before} -> {after}")]
    if not diff:
        return [*shown, ("", "no change in the network")]
    for change in diff.interface:
        shown.append(("changed", f"~ {change.what}: {_value(change.before)} -> {_value(change.after)}"))
    for layer in diff.layers:
        if layer.status != "ripple":
            shown += _layer(layer, diff)
    shown += _ripple(diff.of("ripple"))
    shown.append(("", ""))
    counts = ", ".join(f"{len(diff.of(s))} {s}" for s in ("added", "removed", "renamed", "changed") if diff.of(s))
    affected = len(diff.of("ripple"))
    shown.append(
        ("head", ", ".join(p for p in (counts, f"{affected} affected" if affected else "") if p) or "interface changed")
    )
    for change in diff.totals:
        form = byte_size if change.what == "activations" else count
        shown.append(
            ("", f"{change.what:<12} {form(change.before)} -> {form(change.after)}  {_delta(change)}".rstrip())
        )
    if not diff.totals:
        shown.append(("", "parameters, FLOPs and activations are the same"))
    return shown


def _delta(change: Change) -> str:
    delta = signed(change.before, change.after)
    return delta[delta.find("(") :] if change.what == "activations" and "(" in delta else delta


def _layer(layer: LayerDiff, diff: Diff) -> list[tuple[str, str]]:
    sign = _SIGN[layer.status]
    node = layer.after or layer.before
    assert node is not None  # a LayerDiff has at least one side
    if layer.status in ("added", "removed"):
        graph = diff.after if layer.after else diff.before
        return [(layer.status, f"{sign} {node.name}: {_written(node)}"), (layer.status, f"    {_costs(graph, node)}")]
    name = f"{layer.before.name} -> {node.name}" if layer.status == "renamed" and layer.before else node.name
    written = [f"{c.what} {_value(c.before)} -> {_value(c.after)}" for c in layer.changes if c.what != "name"]
    kind = "" if any(c.what == "type" for c in layer.changes) else f" ({node.kind})"
    out = [(layer.status, f"{sign} {name}{kind}" + (f": {', '.join(written)}" if written else ""))]
    effects = _effects(layer)
    return [*out, (layer.status, f"    {effects}")] if effects else out


def _effects(layer: LayerDiff) -> str:
    """Shape, parameters and FLOPs before and after; activations only where nothing else tells of the change."""
    shown = [c for c in layer.effects if c.what != "activations"] or list(layer.effects)
    return ", ".join(f"{c.what} {_value(c.before)} -> {_value(c.after)}" for c in shown)


def _written(node: Node) -> str:
    fields = ", ".join(f"{f}: {_value(v)}" for f, v in set_fields(node))
    return f"{node.kind} {{{fields}}}" if fields else node.kind


def _costs(graph: Graph, node: Node) -> str:
    cost = cost_of(graph, node)
    shape = ", ".join(f"{port} {type_}" if port else str(type_) for port, type_ in node.outputs.items())
    parts = [
        shape,
        f"{count(cost.params)} parameters" if cost.params else "",
        f"{count(cost.flops)} FLOPs" if cost.flops else "",
    ]
    return ", ".join(p for p in parts if p)


def _ripple(layers: list[LayerDiff]) -> list[tuple[str, str]]:
    if not layers:
        return []
    lines = [("ripple", "· affected, though written as before:")]
    lines += [("ripple", f"    {layer.name}: {_effects(layer)}") for layer in layers[:_MAX_RIPPLE]]
    if len(layers) > _MAX_RIPPLE:
        lines.append(("ripple", f"    … and {len(layers) - _MAX_RIPPLE} more (all in `--format json`)"))
    return lines


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "–" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else show(value)
