"""How long the named axes of a network may be: what its layers need of their sizes, brought down to bounds.

A formula such as `T − 2` is the size of what a layer gives only where the layer takes its input at all.  Each layer
says so as sizes that must not be less than a number; here they become `T >= 3`, `T <= 9`, and for what hangs on several
names, or on no bound, a condition as it stands (`S*T >= 10`).  Every name is at least 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from netspec.shapes.dim import Dim, at, symbol

Needs = dict[tuple[Dim, int], str]  # a size, the least that it has to be, the layer that says so first
MOST = 2**40  # no axis is longer
_TRIED = 2**16  # a formula that both rises and falls is tried at so many lengths, where there is an upper bound


@dataclass(frozen=True)
class Condition:
    """`size >= least`; `by` is the layer that needs it."""

    size: Dim
    least: int
    by: str = ""

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """For numbers in place of all its names."""
        size = at(self.size, sizes)
        assert isinstance(size, int)
        return size >= self.least

    @property
    def rising(self) -> bool:
        """A longer axis cannot break it."""
        return all(factor > 0 for monomial, factor in self.size.terms if monomial)

    @property
    def falling(self) -> bool:
        """A shorter axis cannot break it."""
        return all(factor < 0 for monomial, factor in self.size.terms if monomial)

    def bound(self) -> tuple[Dim, int | None, int | None]:
        """The size without its constant and sign, its least, its most."""
        terms = dict(self.size.terms)
        least = self.least - terms.pop((), 0)
        if self.falling:
            return Dim({m: -f for m, f in terms.items()}), None, -least
        return Dim(terms), least, None

    def __str__(self) -> str:
        """`S*T >= 10`, `T <= 9`."""
        size, least, most = self.bound()
        return f"{size} >= {least}" if most is None else f"{size} <= {most}"


@dataclass(frozen=True)
class Lengths:
    """Conditions that hold together; those on one name alone are bounds, `T >= 3` before `T <= 9`."""

    conditions: tuple[Condition, ...] = ()

    def allows(self, sizes: Mapping[str, int]) -> bool:
        """Do the conditions on these names hold?"""
        return self.wrong(sizes) is None and all(size >= 1 for size in sizes.values())

    def least(self, name: str) -> int:
        """The shortest that `name` may be."""
        return max((c.least for c in self.conditions if c.size == symbol(name)), default=1)

    def most(self, name: str) -> int | None:
        """The longest that `name` may be; None: as long as there is memory."""
        return next((-c.least for c in self.conditions if c.size == _turned(name)), None)

    def wrong(self, sizes: Mapping[str, int]) -> Condition | None:
        """The first condition on these names that does not hold."""
        return next((c for c in self.conditions if c.size.names() <= sizes.keys() and not c.holds(sizes)), None)

    def clash(self) -> tuple[Condition, Condition] | None:
        """Two bounds that no length satisfies."""
        by_size = {c.size: c for c in self.conditions}
        pairs = ((c, by_size.get(_turned(name))) for c in self.conditions for name in c.size.names())
        opposite = ((low, high) for low, high in pairs if high and low.size == -high.size)
        return next(((low, high) for low, high in opposite if low.least > -high.least), None)

    def text(self, names: Iterable[str] | None = None) -> str:
        """`T >= 3, T <= 9`; of all, or of those on some of these names."""
        among = None if names is None else set(names)
        return ", ".join(str(c) for c in self.conditions if among is None or among & c.size.names())


def lengths_of(needs: Needs) -> Lengths:
    """The bounds of each name, and the conditions that bounds do not say."""
    conditions = [Condition(size, least, by) for (size, least), by in needs.items()]
    bounds: dict[Dim, Condition] = {}  # T or −T -> its bound
    single = [c for c in conditions if len(c.size.names()) == 1]
    mixed = [c for c in single if not (c.rising or c.falling)]
    for condition in single:
        if condition.rising or condition.falling:
            _tighten(bounds, _bound(condition))
    for condition in list(mixed):
        tried = _tried(condition, bounds)
        if tried is not None:
            mixed.remove(condition)
            for bound in tried:
                _tighten(bounds, bound)
    several = [c for c in conditions if len(c.size.names()) > 1 and not _follows(c, bounds)]
    ordered = sorted(bounds.values(), key=lambda c: (min(c.size.names()), c.falling))
    return Lengths((*ordered, *mixed, *several))


def _turned(name: str) -> Dim:
    return Dim({(name,): -1})


def _tighten(bounds: dict[Dim, Condition], bound: Condition) -> None:
    if bound.rising and bound.least <= 1:
        return  # every name is at least 1
    known = bounds.get(bound.size)
    if known is None or bound.least > known.least:
        bounds[bound.size] = bound


def _bound(condition: Condition) -> Condition:
    """The same said of the name itself."""
    [name] = condition.size.names()
    size, least, most = condition.bound()
    if len(size.terms) == 1 and size.terms[0][0] == (name,):  # a·T: the search would find the same, slowly
        factor = size.terms[0][1]
        if most is not None:
            return replace(condition, size=_turned(name), least=-(most // factor))
        return replace(condition, size=symbol(name), least=-(-(least or 0) // factor))
    if condition.rising:
        least = least_true(lambda n: condition.holds({name: n}))
        return replace(condition, size=symbol(name), least=least)
    most = least_true(lambda n: not condition.holds({name: n})) - 1
    return replace(condition, size=_turned(name), least=-most)


def _tried(condition: Condition, bounds: Mapping[Dim, Condition]) -> list[Condition] | None:
    """The bounds that say the same within the bounds so far; None where there are none that do."""
    [name] = condition.size.names()
    low, high = symbol(name), _turned(name)
    if high not in bounds:
        return None
    start, stop = bounds[low].least if low in bounds else 1, -bounds[high].least
    if stop - start > _TRIED:
        return None
    allowed = [n for n in range(start, stop + 1) if condition.holds({name: n})]
    if not allowed:
        return [replace(condition, size=low, least=stop + 1)]
    if allowed[-1] - allowed[0] + 1 != len(allowed):
        return None
    return [replace(condition, size=low, least=allowed[0]), replace(condition, size=high, least=-allowed[-1])]


def _follows(condition: Condition, bounds: Mapping[Dim, Condition]) -> bool:
    """Is the condition true of all lengths within the bounds?"""
    names = condition.size.names()
    if condition.rising:
        corner = {n: bounds[symbol(n)].least if symbol(n) in bounds else 1 for n in names}
        return condition.holds(corner)
    highs = {n: bounds.get(_turned(n)) for n in names}
    if condition.falling and all(highs.values()):
        return condition.holds({n: -c.least for n, c in highs.items() if c})
    return False


def least_true(holds: Callable[[int], bool]) -> int:
    """The smallest number from 1 on for which it holds, once it holds for all larger ones; MOST + 1 for none."""
    high = 1
    while not holds(high):
        if high > MOST:
            return MOST + 1
        high *= 2
    low = high // 2 + 1 if high > 1 else 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def places(shapes: Iterable[tuple[str, tuple[int | Dim, ...]]]) -> Iterator[tuple[str, str, int]]:
    """(name, input, axis) of every axis of an input that is a name, the batch left out."""
    for key, shape in shapes:
        for axis, size in enumerate(shape):
            if axis and isinstance(size, Dim):
                yield str(size), key, axis
