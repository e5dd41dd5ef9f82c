"""The problems of building, gathered: what is wrong in a block is told once, with the number of its instances."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.source.errors import NetspecError, Problems, note_problem
from netspec.source.text import Span


@dataclass
class Report:
    """What is wrong so far."""

    problems: Problems = field(default_factory=Problems)
    instances: dict[tuple[str, Span | None], int] = field(default_factory=dict)

    def add(self, error: NetspecError, span: Span | None, route: str = "") -> None:
        """An error; where it says no place itself, it is at this one."""
        for problem in error.located(span, route).problems:
            note_problem(self.problems, self.instances, problem)
