"""What every part of an expansion works with: what there is so far, its problems, its count of entries."""

from __future__ import annotations

from abc import ABC, abstractmethod

from netspec.frontend.calls import Expansion, Inherited
from netspec.frontend.check import CheckedDocument
from netspec.frontend.expansion.size import MAX_LAYERS, NetworkTooLargeError
from netspec.frontend.names import Frame
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.source.errors import MAX_PROBLEMS, NetspecError, note_problem
from netspec.source.text import Span
from netspec.source.tree import Map


class Expander(ABC):
    """One expansion under way; `body` expands the layers that a block or container holds."""

    def __init__(self, checked: CheckedDocument) -> None:
        self.checked = checked
        self.out = Expansion()
        self.layers_made: dict[tuple[str, str], Layer] = {}  # kind and values -> the layer, of those with expressions
        self.steps = 0  # entries looked at, whether or not a layer came of them
        self.reported: dict[tuple[str, Span | None], int] = {}
        self.reports_over_limit = 0  # how many: of problems with MAX_PROBLEMS instances or more

    @abstractmethod
    def body(self, layers: Map, frame: Frame, inherited: Inherited, nesting: int) -> None:
        """Expand the entries of a mapping in the names of `frame`, one after another."""

    def report(self, error: NetspecError, span: Span | None = None, route: str = "") -> None:
        """Note problems; one inside a block or repeat once, with the number of instances."""
        for problem in error.located(span, route).problems:
            self.reports_over_limit += note_problem(self.out.problems, self.reported, problem) >= MAX_PROBLEMS

    def step(self, span: Span) -> None:
        """Count an entry.  Raises NS309 for one too many."""
        self.steps += 1
        if self.steps > MAX_LAYERS:
            raise NetworkTooLargeError(
                "NS309",
                f"the network has more than {MAX_LAYERS:,} layers",
                span,
                hint="look at `repeat` and at blocks that use blocks",
            )

    def inputs(self, kind: str) -> tuple[str, ...]:
        """The names of what a kind takes."""
        if kind in self.checked.blocks:
            return self.checked.blocks[kind].inputs
        return kinds()[kind].ports if kind in kinds() else ("in",)
