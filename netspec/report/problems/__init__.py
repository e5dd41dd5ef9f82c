"""What `validate` says of files: for a person, a program, a code review.  Each file here is one format."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.graph.model import Graph
from netspec.source.errors import Problem


@dataclass(frozen=True)
class Checked:
    """One file that was checked: its errors, or its network and the warnings about it; blocks for others have none."""

    file: str
    errors: tuple[Problem, ...] = ()
    graph: Graph | None = None

    def problems(self) -> list[tuple[Problem, str]]:
        """All problems with their level."""
        warnings = self.graph.warnings if self.graph else ()
        return [*((p, "error") for p in self.errors), *((p, "warning") for p in warnings)]
