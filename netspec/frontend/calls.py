"""What an expansion is made of: layers with full names and wires, and the ends of containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.frontend.names import Wire
from netspec.layers.base import Layer
from netspec.layers.init import Init
from netspec.source.errors import Problem, Problems
from netspec.source.text import Span
from netspec.source.tree import Tree


@dataclass(frozen=True)
class CallSite:
    """Where a call stands: its full name, its submodule, its text, and the way to it."""

    name: str
    scope: str
    span: Span
    route: str


@dataclass(frozen=True)
class Inherited:
    """What wiring keys of the surroundings say about the weights inside."""

    share: str = ""
    share_span: Span | None = None
    freeze: bool = False
    init: Mapping[str, Init] = field(default_factory=dict)

    def inside(self, part: str) -> Inherited:
        """The same for one part of a container: its path stands between the container's name and the layer's."""
        return replace(self, share=f"{self.share}.{part}") if self.share else self


@dataclass(frozen=True)
class Call:
    """One layer, its shapes not yet known; a wire of None is a reference that was already reported."""

    site: CallSite
    layer: Layer
    wires: tuple[Wire | None, ...]
    own_init: Mapping[str, Init]
    inherited: Inherited
    init_tree: Tree | None = None  # where `own_init` is written
    ports: tuple[str, ...] = ()  # the names that `from: {name: …}` gives the wires, in their order


@dataclass(frozen=True)
class Join:
    """The end of a container: what to bring together."""

    site: CallSite
    kind: str
    options: Mapping[str, Any]
    input: Wire | None
    bodies: tuple[Wire | None, ...]
    extras: Mapping[str, Wire | None]  # what `{layers: …}` options computed: shortcut, gate
    inherited: Inherited


@dataclass
class Expansion:
    """The whole network as calls, and the submodules that hold them."""

    items: list[Call | Join] = field(default_factory=list)
    scopes: dict[str, str] = field(default_factory=dict)  # path -> block or container kind
    outputs: dict[str, Wire | None] = field(default_factory=dict)
    broken: dict[str, Span] = field(default_factory=dict)  # entries that came to nothing, a reason having been reported
    problems: Problems = field(default_factory=Problems)

    def loose_ends(self) -> Iterator[Problem]:
        """What is missing though nothing was reported; without this it would be left out in silence (NS313)."""
        for item in self.items:
            wires = item.wires if isinstance(item, Call) else (item.input, *item.bodies, *item.extras.values())
            if None in wires:
                yield lost(item.site.name, item.site.span, item.site.route)
        for path, span in self.broken.items():
            yield lost(path, span)
        for name, wire in self.outputs.items():
            if wire is None:
                yield lost(f"output {name}")
        if not self.outputs:
            yield lost("outputs")


def lost(what: str, span: Span | None = None, route: str = "") -> Problem:
    """Something that went missing on the way through netspec: a mistake of its own, never of the file."""
    message = f"`{what}` was lost between the text and the graph"
    return Problem(
        "NS313", message, span, "this is a mistake of netspec, not of the file: please report it", route=route
    )
