"""`netspec diff`: what changed between two networks.  Each file here is one format; the words they share are here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.report.numbers import byte_size, count, short
from netspec.review.changes.sections import beside
from netspec.review.difference import Change, Difference, Entry, LayerChange, Verdict
from netspec.review.explain.cause_lines import lines
from netspec.review.group.entries import parameters_effect
from netspec.review.yaml_text import value_text
from netspec.shapes.dim import Dim, Size

SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "→", "affected": "·"}
TOTALS = {"params": "parameters", "flops": "FLOPs", "activations": "activations", "depth": "depth"}
SAME_BUT_TEXT = "only comments, layout, notation or the order of keys"
SLIGHT = 0.005  # share of a total
_LABELS = ("name", "description", "source")


def entry_text(entry: Entry) -> str:
    """One idea in a line: what, in how many places, and where."""
    if entry.status in ("added", "removed"):
        return f"{entry.places}: {entry.text}" if entry.count == 1 else f"{entry.text}: {entry.places}"
    if entry.status == "renamed":
        number = f" ({entry.count:,} layers)" if entry.count > 1 else ""
        return f"{entry.text}{number}" + (f": {entry.places}" if entry.places else "")
    kind = entry.kind or ("layers" if entry.count > 1 else "")
    number = f"{entry.count:,} {kind}" if entry.count > 1 else kind
    return f"{entry.places} ({number}): {entry.text}" if number else f"{entry.places}: {entry.text}"


def change_text(change: Change) -> str:
    """`out_channels 32 -> 48`; what is new or gone has one side alone."""
    if change.before is None:
        return f"{change.what} new, {value_text(change.after)}"
    if change.after is None:
        return f"{change.what} gone, it was {value_text(change.before)}"
    return f"{change.what} {value_text(change.before)} -> {value_text(change.after)}"


def interface_text(change: Change) -> str:
    """`input image: (B, 3, 8, 8) -> (B, 3, 9, 9)`, `name of output: logits -> scores`, `+ output y: (B, 4)`."""
    if change.before is None or change.after is None:
        return f"{'+' if change.before is None else '-'} {change.what}: {change.after or change.before}"
    return f"{change.what}: {change.before} -> {change.after}"


def cause_lines(difference: Difference) -> list[str]:
    """The changes of the text that no section tells of; what the network is called only where nothing else changed."""
    causes = beside(difference.causes, difference.sections)
    texts = lines([cause for cause in causes if cause.path not in _LABELS] or causes)
    unexplained = difference.verdict is Verdict.SAME_NETWORK and difference.before.files and difference.after.files
    if not texts and unexplained and not any(difference.sections.values()):
        return [SAME_BUT_TEXT]
    return texts


def section_lines(difference: Difference) -> Iterator[tuple[str, str]]:
    """Section and text of what changed in data, train, budget and cells; equations only where no layer has them."""
    in_entries = any(change.what == "equations" for layer in difference.layers for change in layer.changes)
    for name, causes in difference.sections.items():
        if name != "cells" or not in_entries:
            yield from ((name, text.removeprefix(f"{name}").lstrip(".: ")) for text in lines(causes))


def notes(difference: Difference) -> list[str]:
    """What is wrong with `data` and `train`, which `validate` refuses: of both sides each once, where it is now."""
    problems = {p.message: p for side in (difference.before, difference.after) for p in side.notes}
    return [f"{p.span}: {p.code} {p.message}" if p.span else f"{p.code} {p.message}" for p in problems.values()]


def affected_text(difference: Difference) -> str:
    """How many layers are affected alone, and how; empty where nothing but what they read moved."""
    sized = [layer for layer in difference.affected if _has(layer, "params")]
    shaped = [layer for layer in difference.affected if layer not in sized and _has(layer, "shape")]
    others = [layer for layer in difference.affected if layer not in sized + shaped and _has(layer, "flops")]
    texts = [
        _how(sized, f"other sizes of weights ({parameters_effect(sized):+,} parameters)"),
        _how(shaped, "other shapes"),
        _how(others, "other costs"),
    ]
    texts = [text for text in texts if text]
    number = len(sized) + len(shaped) + len(others)
    are = f"{number:,} other {'layers are' if number > 1 else 'layer is'} affected"
    if len(texts) == 1:
        texts = [texts[0].partition(" with ")[2]]
    return f"{are}: {', '.join(texts)}" if number else ""


def _has(layer: LayerChange, quantity: str) -> bool:
    return any(effect.what.split(" ")[0] == quantity for effect in layer.effects)


def _how(layers: Sequence[LayerChange], effect: str) -> str:
    return f"{len(layers):,} with {effect}" if layers else ""


def whole_text(difference: Difference) -> str:
    """A network that is new or deleted, in one line."""
    matching = difference.matching
    graph = matching.after if difference.before.spec is None else matching.before
    side = 1 if difference.before.spec is None else 0
    figures = {change.what: (change.before, change.after)[side] for change in difference.totals}
    layers = len(list(graph.layers()))
    return f"{layers:,} layers, {short(figures['params'])} parameters, {short(figures['flops'])} FLOPs"


def changed_totals(difference: Difference) -> list[Change]:
    return [change for change in difference.totals if change.before != change.after]


def total_text(what: str, value: Size) -> str:
    """A total as `summary` writes it."""
    return byte_size(value) if what == "activations" else count(value)


def amounts(change: Change) -> tuple[str, str]:
    """A total before and after, to three digits; to the last where these are the same."""
    for form in (short_total, total_text):
        before, after = form(change.what, change.before), form(change.what, change.after)
        if before != after:
            break
    return before, after


def short_total(what: str, value: Size) -> str:
    """A total to three digits: `25.6 M`."""
    return byte_size(value) if what == "activations" else short(value)


def growth_text(change: Change) -> str:
    """`+86.5%`; `×12.3` from tenfold on, a number for less than half a percent; empty where none can be given."""
    before, after = change.before, change.after
    if isinstance(before, Dim) or isinstance(after, Dim) or not before:
        return ""
    if is_slight(change):
        sign = "+" if after > before else "-"
        return f"{sign}{byte_size(abs(after - before)) if change.what == 'activations' else f'{abs(after - before):,}'}"
    times = after / before
    return f"×{times:,.0f}" if times >= 100 else f"×{times:.3g}" if times >= 10 else f"{times - 1:+.1%}"


def is_slight(change: Change) -> bool:
    """Whether an amount changed by less than half a percent, which no bar shows."""
    before, after = change.before, change.after
    return not isinstance(before, Dim) and not isinstance(after, Dim) and 0 < abs(after - before) < SLIGHT * before
