"""A cell as it is declared: sizes, states, weights and equations, located and not yet given numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from netspec.cells.language.expr import Equation, Expr, unparse
from netspec.source.text import Span, show
from netspec.source.tree import Tree

SIZES = ("hidden", "input")  # the size a layer gives, and the size of x[t]


@dataclass(frozen=True)
class DeclaredShape:
    """A state or a weight: its shape as expressions over sizes and parameters."""

    name: str
    shape: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, eq=False)
class Cell:
    """One recurrent cell.  Two cells are equal when they compute the same by the same text, spaces and places apart."""

    name: str
    span: Span
    params: Mapping[str, float | None]  # name -> default; None: a layer has to give it
    states: Mapping[str, DeclaredShape]
    output: str
    weights: Mapping[str, DeclaredShape]
    equations: tuple[Equation, ...]
    init: Mapping[str, Tree] = field(default_factory=dict)  # weight -> how it begins, as `init` of a layer
    description: str = ""
    source: str = ""
    output_span: Span | None = None

    @cached_property
    def text(self) -> str:
        """The cell in one spelling, as a file would have it below its name."""
        lines = []
        if self.params:
            lines.append(f"params: {{{', '.join(f'{k}: {_text(v)}' for k, v in self.params.items())}}}")
        lines.append(f"state: {{{', '.join(f'{s.name}: {unparse(s.shape[0])}' for s in self.states.values())}}}")
        lines.append(f"output: {self.output}")
        if self.weights:
            lines.append("weights:")
            lines += [f"  {w.name}: [{', '.join(map(unparse, w.shape))}]" for w in self.weights.values()]
        if self.init:
            lines.append(f"init: {{{', '.join(f'{k}: {_init_text(v.plain())}' for k, v in self.init.items())}}}")
        lines.append("equations:")
        lines += [f"  - {unparse(e.target)} = {unparse(e.value)}" for e in self.equations]
        return "\n".join(lines) + "\n"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Cell) and self.name == other.name and self.text == other.text)

    def __hash__(self) -> int:
        return hash((self.name, self.text))

    def __repr__(self) -> str:
        return self.name


def _init_text(value: Any) -> str:
    """A rule by its kind and its values in the order of their names, since the order of the file says nothing."""
    if isinstance(value, dict):
        value = dict(sorted(value.items(), key=lambda entry: (entry[0] != "type", entry[0])))
    return show(value, limit=10**6)


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
