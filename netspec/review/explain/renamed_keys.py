"""Which key of a mapping is which of another: the same name, or another name for equal or like values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from netspec.frontend.containers import bodies
from netspec.frontend.holds import inside
from netspec.review.align import align
from netspec.review.explain.tree_values import Leaf, leaves, written_out
from netspec.source.tree import Map, Scalar, Tree

ALIKE = 0.5  # share of equal values from which on an entry under another name is the same entry, changed
MANY_PAIRS = 2_500  # removed times added entries that are compared with each other
# Mappings in which an entry that is the only other one between the same neighbours is the entry, whatever it is now.
IN_PLACE = frozenset({"layers", "vars", "inputs", "outputs", "params"})
_END = "\n"  # no name has one
Followed = Callable[[Tree, Tree], bool]  # whether a value is the other one with names that are others now


@dataclass(frozen=True, eq=False)
class _Entry:
    """A key with what its value is compared by; `both`: the other mapping has the key too."""

    name: str
    tree: Tree  # without short forms
    values: Counter[Leaf]
    kind: object  # its `type`
    both: bool
    own_number: int  # equal for a key of both mappings alone
    value_number: int  # equal for equal values of keys that one mapping has; of both mappings as the one above

    @property
    def says_much(self) -> bool:
        """Whether an equal value is reason enough to take two entries for one, wherever they stand."""
        return isinstance(self.tree, Map) and len(self.tree.entries) > 1


def renamed_keys(before: Map, after: Map, holds: str, followed: Followed) -> dict[str, str]:
    """old key -> new key: entries that are equal, or alike, and of which only one side has the name.

    Those that stand in one order come first; then others that say enough; then what stands in one place (`IN_PLACE`).
    """
    if before.entries.keys() <= after.entries.keys() or after.entries.keys() <= before.entries.keys():
        return {}
    numbers: dict[object, int] = {}
    old, new = _entries(before, after, holds, numbers), _entries(after, before, holds, numbers)

    def score(a: _Entry, b: _Entry) -> int:
        return _score(a, b, followed)

    pairs = align(old, new, (attrgetter("own_number"), attrgetter("value_number")), score)
    renamed = {old[i].name: new[j].name for i, j in pairs if not old[i].both}
    taken = set(renamed.values())
    removed = [entry for entry in old if not entry.both and entry.name not in renamed and entry.says_much]
    added = [entry for entry in new if not entry.both and entry.name not in taken and entry.says_much]
    if len(removed) * len(added) <= MANY_PAIRS:
        scored = [(fit, a.name, b.name) for a in removed for b in added if (fit := score(a, b))]
        for _, a, b in sorted(scored, key=lambda s: -s[0]):
            if a not in renamed and b not in taken:
                renamed[a] = b
                taken.add(b)
    if holds in IN_PLACE:
        renamed |= dict(_in_one_place(before, after, renamed))
    return renamed


def _entries(tree: Map, other: Map, holds: str, numbers: dict[object, int]) -> list[_Entry]:
    def number(key: object) -> int:
        return numbers.setdefault(key, len(numbers))

    entries = []
    for key, value in tree.entries.items():
        full, both = written_out(value, holds, key), key in other
        values = Counter[Leaf]() if both else Counter(leaves(full, inside(holds, key)))
        kind = full.get("type") if isinstance(full, Map) else None
        own = number(key)
        by_value = own if both else number(frozenset(values.items()))
        entries.append(_Entry(key, full, values, None if kind is None else kind.plain(), both, own, by_value))
    return entries


def _score(a: _Entry, b: _Entry, followed: Followed) -> int:
    """How well two entries fit: the same key most, then equal values, then values of which most are equal."""
    if a.both or b.both:
        return 100 if a.name == b.name else 0
    if a.value_number == b.value_number:
        return 10
    if isinstance(a.tree, Scalar) and isinstance(b.tree, Scalar):
        return 9 if followed(a.tree, b.tree) else 0
    if not (isinstance(a.tree, Map) and isinstance(b.tree, Map)) or a.kind != b.kind:
        return 0
    alike = 2 * (a.values & b.values).total() / (a.values.total() + b.values.total())
    return int(10 * alike) if alike > ALIKE else 0


def _in_one_place(before: Map, after: Map, renamed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Entries of other names and values, each the only one between the same neighbours."""
    new_name = {key: renamed.get(key, key) for key in before.entries if key in renamed or key in after}
    gaps = _gaps(list(before.entries), new_name), _gaps(list(after.entries), {name: name for name in new_name.values()})
    for anchors, keys in gaps[0].items():
        others = gaps[1].get(anchors, [])
        if len(keys) == len(others) == 1:
            trees = before.entries[keys[0]], after.entries[others[0]]
            if not any(any(bodies(tree)) for tree in trees):  # a container around something is none of it
                yield keys[0], others[0]


def _gaps(keys: list[str], anchors: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """The anchors before and behind -> the keys between them that are none."""
    gaps: dict[tuple[str, str], list[str]] = {}
    above, between = "", list[str]()
    for key in (*keys, _END):
        if key in anchors or key == _END:
            gaps[above, anchors.get(key, "")] = between
            above, between = anchors.get(key, ""), []
        else:
            between.append(key)
    return gaps
