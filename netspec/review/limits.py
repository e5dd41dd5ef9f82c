"""`--fail-on params:+5%,flops:+0,interface,weights,function`: how much of a network a change may change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from netspec.graph.cost import depth, total
from netspec.graph.model import Graph
from netspec.review.difference import Difference, Matching, Verdict
from netspec.shapes.dim import Dim, Size, at
from netspec.source.errors import did_you_mean

QUANTITIES: dict[str, tuple[str, Callable[[Graph], Size]]] = {
    "params": ("parameters", lambda graph: total(graph).params),
    "flops": ("FLOPs", lambda graph: total(graph).flops),
    "activations": ("bytes of activations", lambda graph: total(graph).activations),
    "depth": ("layers deep", depth),
}
PROPERTIES = ("interface", "weights", "function")
LENGTHS = (1, 2, 3, 5, 7, 10, 100, 1000, 10_000, 100_000)  # of named axes, where a quantity depends on them
_GROWTH = re.compile(r"\+(\d+(?:\.\d+)?)([kMGT]?)(%?)")
_MULTIPLE = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class ChangeLimit:
    """A property that stays as it is, or a quantity that grows by `share` of itself and `amount` at most."""

    name: str
    text: str  # as it was written
    amount: Fraction = Fraction(0)
    share: Fraction = Fraction(0)


def read_limits(text: str) -> tuple[ChangeLimit, ...]:
    """The limits of a list with commas.  Raises ValueError, which says which word and what is possible."""
    return tuple(_read_limit(word.strip()) for word in text.split(",") if word.strip())


def _read_limit(word: str) -> ChangeLimit:
    name, colon, growth = word.partition(":")
    if name not in (*QUANTITIES, *PROPERTIES):
        known = ", ".join([*(f"{quantity}:+N or :+N%" for quantity in QUANTITIES), *PROPERTIES])
        near = did_you_mean(name, (*QUANTITIES, *PROPERTIES))
        raise ValueError(f"unknown limit `{name}`; {near or f'expected {known}'}")
    if name in PROPERTIES:
        if colon:
            raise ValueError(f"`{name}` takes no amount: it changes or it does not; received `{word}`")
        return ChangeLimit(name, word)
    match = _GROWTH.fullmatch(growth)
    if match is None or (match[2] and match[3]):
        raise ValueError(f"`{name}` expects how much it may grow, `{name}:+5%` or `{name}:+10k`; received `{word}`")
    number = Fraction(match[1])
    if match[3]:
        return ChangeLimit(name, word, share=number / 100)
    return ChangeLimit(name, word, amount=number * _MULTIPLE[match[2]])


def crossed(limits: Sequence[ChangeLimit], difference: Difference) -> Iterator[str]:
    """A sentence for each limit that a change crosses.

    A network that is new has nothing to grow from; of one that is deleted nothing stays.
    """
    before, after = difference.before.spec, difference.after.spec
    if before is None:
        return
    for limit in limits:
        if limit.name in PROPERTIES:
            reason = "the network is deleted" if after is None else _change(limit.name, difference)
        else:
            reason = "" if after is None else _growth(limit, difference.matching)
        if reason:
            yield f"{limit.text}: {reason}"


def _growth(limit: ChangeLimit, matching: Matching) -> str:
    unit, measure = QUANTITIES[limit.name]
    old, new = at(measure(matching.before), _axes_now(matching)), measure(matching.after)
    axes = sorted({name for size in (old, new) if isinstance(size, Dim) for name in size.names()})
    for sizes in _lengths(axes):
        a, b = at(old, sizes), at(new, sizes)
        assert isinstance(a, int) and isinstance(b, int)  # every axis has a length
        if b > a * (1 + limit.share) + limit.amount:
            where = f" at {', '.join(f'{name} = {length:,}' for name, length in sizes.items())}" if axes else ""
            percent = f" ({(b - a) / a:+.1%})" if a else ""
            return f"{a:,} -> {b:,} {unit}{percent}{where}"
    return ""


def _lengths(axes: Sequence[str]) -> Iterator[dict[str, int]]:
    """All axes of one length, then each alone longer than the others."""
    yield from (dict.fromkeys(axes, length) for length in LENGTHS)
    if len(axes) > 1:
        yield from ({**dict.fromkeys(axes, 1), name: length} for name in axes for length in LENGTHS[1:])


def _axes_now(matching: Matching) -> dict[str, Dim]:
    """Named axes of the network before, each as what it is called now where one name took the place of another."""
    renamed: dict[str, set[Size]] = {}
    for name, other in matching.inputs.items():
        for old, new in zip(matching.before.inputs[name].shape, matching.after.inputs[other].shape, strict=False):
            renamed.setdefault(str(old), set()).add(new)
    single = {old: next(iter(new)) for old, new in renamed.items() if len(new) == 1}
    names = Counter(map(str, single.values()))
    return {old: new for old, new in single.items() if isinstance(new, Dim) and names[str(new)] == 1}


def _change(name: str, difference: Difference) -> str:
    if name == "interface":
        return ", ".join(change.what for change in difference.interface)
    if name == "function":
        return "the network computes something else" if difference.verdict is Verdict.ARCHITECTURE else ""
    weights = difference.weights
    renamed = [old for old, new in weights.by_structure.items() if old != new]
    counts = (
        ("renamed", len(renamed)),
        ("of another shape", len(weights.sliced)),
        ("new", len(weights.new)),
        ("lost", len(weights.lost)),
        ("loaded into other places", len(weights.misplaced)),
    )
    listed = ", ".join(f"{number:,} {label}" for label, number in counts if number)
    return f"of the tensors of a checkpoint {listed}" if listed else ""
