"""`netspec diff`: what changed between two networks.  Each file here is one format; the words they share are here."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.report.numbers import byte_size, count, short
from netspec.review.changes.sections import beside
from netspec.review.difference import Change, Difference, Entry, WeightFates
from netspec.review.explain.cause_lines import lines
from netspec.review.yaml_text import value_text
from netspec.shapes.dim import Dim, Size

SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "→", "affected": "·"}
TOTALS = {"params": "parameters", "flops": "FLOPs", "activations": "activations", "depth": "depth"}
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
    return lines([cause for cause in causes if cause.path not in _LABELS] or causes)


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


def loaded_elsewhere(weights: WeightFates) -> str:
    """What goes wrong without a word when an old checkpoint is loaded; empty where nothing does."""
    if not weights.misplaced:
        return ""
    all_of_it = len(weights.by_structure) + len(weights.sliced) + len(weights.lost)
    return f"an old checkpoint loads {len(weights.misplaced):,} of {all_of_it:,} tensors by name into other places"


def weights_text(weights: WeightFates) -> str:
    """What becomes of the tensors of a checkpoint; empty where there are none."""
    carried = len(weights.by_structure)
    renamed = sum(old != new for old, new in weights.by_structure.items())
    all_of_it = carried + len(weights.sliced) + len(weights.lost)
    all_carry = f"all {carried:,}" if carried == all_of_it else f"{carried:,} of {all_of_it:,}"
    texts = [f"{all_carry} tensors {'carries' if carried == 1 else 'carry'} over"] if all_of_it else []
    if carried and renamed:
        texts[-1] += " under other names" if renamed == carried else f", {renamed:,} under other names"
    for fates, singular, plural in (
        (weights.sliced, "changes size", "change size"),
        (weights.lost, "is lost", "are lost"),
        (weights.new, "is new", "are new"),
    ):
        if fates:
            texts.append(f"{len(fates):,} {singular if len(fates) == 1 else plural}")
    return ", ".join(texts)


def affected_text(difference: Difference) -> str:
    """How many layers are affected alone; empty where none is."""
    number = len(difference.affected)
    return f"{number:,} other {'layers are' if number > 1 else 'layer is'} affected" if number else ""


def whole_text(difference: Difference) -> str:
    """A network that is new or deleted, in one line."""
    matching = difference.matching
    graph = matching.after if difference.before.spec is None else matching.before
    side = 1 if difference.before.spec is None else 0
    figures = {change.what: (change.before, change.after)[side] for change in difference.totals}
    layers = len(list(graph.layers()))
    return f"{layers:,} layers, {count(figures['params'])} parameters, {short(figures['flops'])} FLOPs"


def changed_totals(difference: Difference) -> list[Change]:
    return [change for change in difference.totals if change.before != change.after]


def total_text(what: str, value: Size) -> str:
    """A total as `summary` writes it."""
    return byte_size(value) if what == "activations" else count(value)


def short_total(what: str, value: Size) -> str:
    """A total to three digits: `25.6 M`."""
    return byte_size(value) if what == "activations" else short(value)


def growth_text(change: Change) -> str:
    """`+86.5%`; `×12.3` from tenfold on; empty where a number cannot be given."""
    before, after = change.before, change.after
    if isinstance(before, Dim) or isinstance(after, Dim) or not before:
        return ""
    times = after / before
    return f"×{times:,.0f}" if times >= 100 else f"×{times:.3g}" if times >= 10 else f"{times - 1:+.1%}"
