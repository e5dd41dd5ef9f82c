"""One network of a review: what changed between its two sides, or why they cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.review.difference import Difference
from netspec.source.errors import Problem


@dataclass(frozen=True)
class Compared:
    """Formats show one or many of these."""

    path: str  # its file, from the top of the repository; the newer name of two files
    before: str  # the names of both sides, as the user gave them
    after: str
    difference: Difference | None  # None: a side cannot be read
    problems: tuple[Problem, ...] = ()
    crossed: tuple[str, ...] = ()  # thresholds of --fail-on, as sentences
