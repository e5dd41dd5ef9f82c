"""Layers side by side in the containers that hold them: what stands at one place in both networks.

The contents of two containers are aligned in the order of the file, containers of equal layers before all, then those
of similar layers or of equal names, whose contents are aligned in turn.  Copies of a repeat stand in the place of the
repeat and have no names: which copy is which, their layers say.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from netspec.review.align import Key, align
from netspec.review.match.pairing import Pairs, most_alike
from netspec.review.match.scopes import Container, Item, Leaf

EQUAL, EQUAL_NAME, SIMILAR, SAME_KIND = 10, 4, 9, 4  # what a pair of layers is worth, alone or in a container
CHANGED, RENAMED, REPLACED = 10, 3, 6  # same kind and name; same kind; same name

Alike = Callable[[str, str], bool]


def align_containers(before: Container, after: Container, pairs: Pairs[str], alike: Alike) -> None:
    """Pair the layers in two containers that are one.  `alike` says whether one layer can have replaced another."""
    stack = [(before, after)]
    while stack:
        a, b = stack.pop()
        i = j = 0
        ends = (len(a.items), len(b.items))
        for x, y in [*align(a.items, b.items, KEYS, score), ends]:
            _replaced(a.items[i:x], b.items[j:y], pairs, alike)
            i, j = x + 1, y + 1
            if (x, y) == ends:
                break
            old, new = a.items[x], b.items[y]
            if isinstance(old, Leaf) and isinstance(new, Leaf):
                pairs.put(old.name, new.name)
            elif isinstance(old, Container) and isinstance(new, Container):
                stack += put_containers(old, new, pairs)


def put_containers(old: Container, new: Container, pairs: Pairs[str]) -> list[tuple[Container, Container]]:
    """Pair the layers of two containers if they are equal; else both, for their contents to be aligned."""
    if old.key != new.key:
        return [(old, new)]
    for a, b in zip(old.leaves, new.leaves, strict=True):
        pairs.put(a.name, b.name)
    return []


def _replaced(old: tuple[Item, ...], new: tuple[Item, ...], pairs: Pairs[str], alike: Alike) -> None:
    """A single layer in the place of a single layer."""
    if len(old) == len(new) == 1:
        [a], [b] = old, new
        if isinstance(a, Leaf) and isinstance(b, Leaf) and pairs.free(a.name, b.name) and alike(a.name, b.name):
            pairs.put(a.name, b.name)


def score(a: Item, b: Item) -> int:
    """How well two items fit: the more layers are equal, the better; a layer and a container never.

    Of copies as good as others, those of equal numbers fit best.
    """
    fit = 0
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        fit = _score_of_layers(a, b)
    elif isinstance(a, Container) and isinstance(b, Container):
        fit = _score_of_containers(a, b)
    return fit and fit + (a.place == b.place)


def _score_of_layers(a: Leaf, b: Leaf) -> int:
    named = a.label == b.label
    if a.key == b.key:
        return EQUAL + EQUAL_NAME * named
    if a.paired or b.paired:
        return 0
    if a.kind == b.kind:
        return CHANGED if named else RENAMED
    return REPLACED * named


def _score_of_containers(a: Container, b: Container) -> int:
    named, largest = a.label == b.label, max(len(a.leaves), len(b.leaves))
    if a.key == b.key:
        return (EQUAL + EQUAL_NAME * named) * largest
    (keys_a, kinds_a), (keys_b, kinds_b) = a.counted, b.counted
    equal = (keys_a & keys_b).total()
    value = SIMILAR * equal + SAME_KIND * max(0, (kinds_a & kinds_b).total() - equal)
    if named:
        return value + min(len(a.leaves), len(b.leaves))
    return value if 2 * value >= SIMILAR * largest else 0


def _key_and_place(item: Item) -> Hashable:
    return item.key, item.place


def _key(item: Item) -> Hashable:
    return item.key


def _kind_and_label(item: Item) -> Hashable:
    return item.kind, item.label


def _kind(item: Item) -> Hashable:
    return item.kind


KEYS: tuple[Key[Item], ...] = (_key_and_place, _key, _kind_and_label, _kind)


def align_moved(before: Container, after: Container, pairs: Pairs[str], alike: Alike) -> None:
    """Containers that are elsewhere now, around others or in others: those of equal layers, then of equal kinds."""
    for of in (_key, _kind):
        old, new = _free(before, pairs.after, of), _free(after, pairs.before, of)
        for key in sorted(old.keys() & new.keys(), key=lambda key: (-len(old[key][0].leaves), old[key][0].path)):
            for a, b in most_alike(old[key], new[key], lambda container: container.path):
                if _is_free(a, pairs.after) and _is_free(b, pairs.before):
                    for unequal in put_containers(a, b, pairs):
                        align_containers(*unequal, pairs, alike)


def _free(root: Container, paired: Mapping[str, str], of: Key[Item]) -> dict[Hashable, list[Container]]:
    """Containers of at least two layers, none of them paired, by their keys, the outer before the inner."""
    stack = [root]
    by_key: dict[Hashable, list[Container]] = {}
    while stack:
        container = stack.pop()
        if container.path and len(container.leaves) > 1 and _is_free(container, paired):
            by_key.setdefault(of(container), []).append(container)
        stack += [item for item in reversed(container.items) if isinstance(item, Container)]
    return by_key


def _is_free(container: Container, paired: Mapping[str, str]) -> bool:
    return not any(leaf.name in paired for leaf in container.leaves)
