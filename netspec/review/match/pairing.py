"""What pairs the layers of two networks: a growing one-to-one map, and how alike two names are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MANY = 10_000  # pairs of names that are compared one with each other


@dataclass
class Pairs(Generic[K]):
    """A growing one-to-one map from one network to the other."""

    after: dict[K, K] = field(default_factory=dict)  # before -> after
    before: dict[K, K] = field(default_factory=dict)

    def put(self, a: K, b: K) -> bool:
        """Make both one; False where one of them has another partner."""
        if self.after.get(a, b) != b or self.before.get(b, a) != a:
            return False
        self.after[a], self.before[b] = b, a
        return True

    def free(self, a: K, b: K) -> bool:
        """Whether neither has a partner."""
        return a not in self.after and b not in self.before


def likeness(a: str, b: str) -> int:
    """How alike two names are: the parts that are equal, counted from the last; all of them, twice as much."""
    if a == b:
        return 2 * a.count(".") + 2
    same = 0
    for x, y in zip(reversed(a.split(".")), reversed(b.split(".")), strict=False):
        if x != y:
            break
        same += 1
    return same


def most_alike(before: Sequence[T], after: Sequence[T], name: Callable[[T], str]) -> Iterator[tuple[T, T]]:
    """Pairs of both, those of the most alike names first; where there are very many, in order."""
    if len(before) * len(after) > MANY:
        yield from zip(before, after, strict=False)
        return
    positions = ((i, j) for i in range(len(before)) for j in range(len(after)))
    ranked = sorted((-likeness(name(before[i]), name(after[j])), i, j) for i, j in positions)
    yield from ((before[i], after[j]) for _, i, j in ranked)
