"""One occurrence of an entry of `layers`: a copy of it, in its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netspec.frontend.calls import CallSite, Inherited
from netspec.frontend.expression import resolve
from netspec.frontend.names import Frame, Wire
from netspec.source.errors import NetspecError
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar, Tree


@dataclass(frozen=True)
class Use:
    """What the entry is called here, what feeds it, and what it takes from outside."""

    path: str
    tree: Tree
    fields: Map  # the tree, in its long form
    name_span: Span  # where its name stands
    frame: Frame
    env: Mapping[str, Any]  # the values of names in expressions
    wires: tuple[Wire | None, ...] | None  # None: `from` is left out; a wire of None was reported
    inherited: Inherited
    copy: str  # "copy 2 of 3", or nothing
    nesting: int

    @property
    def local(self) -> str:
        """Its path within the body that it stands in."""
        return self.path[len(self.frame.prefix) :]

    @property
    def name(self) -> str:
        """What the entry is called, without the number of a copy."""
        return self.local.split(".")[0]

    @property
    def span(self) -> Span:
        """The place to show: the entry where it stands on one line, its name otherwise."""
        return self.tree.span if self.tree.span.line == self.tree.span.end_line else self.name_span

    def site(self) -> CallSite:
        """Where a layer of this use stands."""
        route = self.frame.route(self.local, self.name_span)
        if self.copy and not self.frame.blocks:
            route = f"in {self.path}, {self.copy}"
        return CallSite(self.path, self.frame.scope, self.span, route)

    def kind(self) -> str:
        """The kind that `type` names, whether or not there is one.  Raises NS203."""
        tag = resolve(self.fields.entries["type"], self.env)
        if not isinstance(tag, Scalar) or not isinstance(tag.value, str):
            raise NetspecError("NS203", f"`type` expects a kind, received {show(tag.plain())}", tag.span)
        return tag.value
