"""One network of a review: what changed between its two sides, or why they cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netspec.review.diff import compare
from netspec.review.difference import Difference
from netspec.review.limits import ChangeLimit, crossed
from netspec.review.sides.revisions import Revisions
from netspec.review.sides.side import path_of, read_sides
from netspec.review.sides.touched import touched
from netspec.source.errors import NetspecError, Problem


@dataclass(frozen=True)
class Compared:
    """Formats show one or many of these."""

    path: str  # its file, from the top of the repository; the newer name of two files
    before: str  # the names of both sides, as the user gave them
    after: str
    difference: Difference | None  # None: a side cannot be read
    problems: tuple[Problem, ...] = ()
    crossed: tuple[str, ...] = ()  # thresholds of --fail-on, as sentences

    def held_to(self, limits: Sequence[ChangeLimit]) -> Compared:
        """The same with the limits that it crosses."""
        if self.difference is None:
            return self
        return replace(self, crossed=tuple(crossed(limits, self.difference)))


def compared_sides(before: str, after: str) -> Compared:
    """Two networks by their names."""
    try:
        return Compared(path_of(after), before, after, compare(*read_sides(before, after)))
    except NetspecError as error:
        return Compared(path_of(after), before, after, None, error.problems)


def compared_revisions(revisions: Revisions, paths: Sequence[str]) -> Iterator[Compared]:
    """Every network that differs between two states of the repository.  Raises NS101 for what git cannot answer."""
    for network in touched(revisions.before, revisions.after, paths):
        names = network.before_name, network.after_name
        if network.sides is None:
            yield Compared(network.path, *names, None, network.problems)
        else:
            yield Compared(network.path, *names, compare(*network.sides))
