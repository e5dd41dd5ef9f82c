"""Names: what each stands for, and who can see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.frontend.blocks import line_of
from netspec.layers.base import Layer
from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.source.tree import Map


@dataclass(frozen=True, slots=True)
class Wire:
    """One tensor as its reader sees it: the node and port that make it, and how the reader's text calls it."""

    node: str
    port: str
    label: str
    span: Span | None
    through: str = ""  # "through block basic, copy 2 of 2"
    ref: Span | None = None  # where the reader names it

    @classmethod
    def to(cls, node: str, label: str, span: Span | None) -> Wire:
        return cls(node, "", label, span)

    def named(self, label: str, ref: Span | None) -> Wire:
        return replace(self, label=label, ref=ref)

    def seen(self, label: str, span: Span, through: str) -> Wire:
        """The same tensor from outside a block or container."""
        return replace(self, label=label, span=span, through=through or self.through)


@dataclass
class Referent:
    """What a name stands for: the tensors it gives, and what can be reached inside.

    The key "" is its only tensor, which may have a name as well.
    """

    path: str
    ports: Mapping[str, Wire]
    span: Span
    inner: Mapping[str, Referent] | None = None
    opaque: str = ""  # the block whose inside cannot be reached
    leaf: Layer | None = None  # it is this layer, or ends in it: its ports are known once its shapes are
    broken: bool = False  # already reported: readers stay silent

    def may_give(self, port: str) -> bool:
        """Whether it may have such an output: of a layer the graph says so, of a group the kind of its last layer."""
        if self.leaf is None:
            return False
        if self.inner and "0" in self.inner and port.isdigit():  # copies have numbers
            return False
        return self.leaf.has_port(port) if self.inner or self.opaque else True

    def wire(self, text: str, span: Span) -> Wire:
        """The one tensor that a reference to this value means."""
        if self.broken:
            raise BrokenError()
        if "" in self.ports:
            return self.ports[""].named(text, span)
        ports = ", ".join(f"`{text}.{port}`" for port in self.ports)
        raise NetspecError("NS308", f"`{text}` gives several tensors", span, hint=f"name one of {ports}")


class BrokenError(NetspecError):
    """A reference to something that was already reported: no second message."""

    def __init__(self) -> None:
        super().__init__("NS308", "depends on an error above")
        self.problems = ()

    def located(self, span: Span | None, route: str = "") -> NetspecError:
        return self


@dataclass
class Frame:
    """The names that the layers of one body see."""

    prefix: str  # "layer2.0." before every name in it
    scope: str
    env: Mapping[str, Any]
    declared: Map
    names: dict[str, Referent]
    parent: Frame | None = None  # the surrounding body; None at the top and in a block, which sees only its own
    blocks: tuple[tuple[str, Span], ...] = ()  # block name and place of use, outermost first
    copy: str = ""  # "in stage.1, copy 2 of 3", the innermost
    last: Wire | None = None
    last_name: str = ""
    last_broken: bool = False
    off: dict[str, tuple[str, Span]] = field(default_factory=dict)  # names without a layer: why, and where it says so

    def define(self, name: str, value: Referent) -> None:
        self.names[name] = value
        self.last_name = name
        self.last = value.ports.get("")
        self.last_broken = value.broken

    @property
    def leaf(self) -> Layer | None:
        """The layer that the body ends in, if it is one: its ports are the body's."""
        last = self.names.get(self.last_name)
        return last.leaf if last else None

    def visible(self) -> list[str]:
        """Every name that can be referred to from here."""
        above = self.parent.visible() if self.parent else []
        return list(dict.fromkeys([*self.names, *above]))

    def route(self, local: str, place: Span | None) -> str:
        """The way through blocks to a layer of this body: `in block basic, layer2.0.conv1, used at line 31`.

        Where there are none, the copy of a repeat that it is in.
        """
        if not self.blocks:
            return self.copy
        names = " in ".join(f"block {name}" for name, _ in reversed(self.blocks))
        use = self.blocks[0][1]
        return f"in {names}, {f'{self.prefix}{local}'.strip('.')}, used at {line_of(use, place or use)}"
