"""Names: what each stands for, who can see it, and what is wrong with a reference that finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree


@dataclass(frozen=True, slots=True)
class Wire:
    """One tensor as its reader sees it: the node and port that make it, and how the reader's text calls it."""

    node: str
    port: str
    label: str
    span: Span | None
    through: str = ""  # "through block basic, copy 2 of 2"

    @classmethod
    def to(cls, node: str, label: str, span: Span | None) -> Wire:
        return cls(node, "", label, span)

    def named(self, label: str) -> Wire:
        return replace(self, label=label)

    def seen(self, label: str, span: Span, through: str) -> Wire:
        """The same tensor from outside a block or container."""
        return replace(self, label=label, span=span, through=through or self.through)


@dataclass
class Value:
    """What a name stands for: the tensors it gives (the key "" for its only one), and what can be reached inside."""

    path: str
    ports: Mapping[str, Wire]
    span: Span
    inner: Mapping[str, Value] | None = None
    opaque: str = ""  # the block whose inside cannot be reached
    leaf: bool = False  # a layer: what follows its name is a port, known once its shapes are
    broken: bool = False  # already reported: readers stay silent

    def wire(self, text: str, span: Span) -> Wire:
        """The one tensor that a reference to this value means."""
        if "" in self.ports:
            return self.ports[""].named(text)
        if self.broken:
            raise Broken()
        ports = ", ".join(f"`{text}.{port}`" for port in self.ports)
        raise NetspecError("NS308", f"`{text}` gives several tensors", span, hint=f"name one of {ports}")


class Broken(NetspecError):
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
    names: dict[str, Value]
    parent: Frame | None = None  # the surrounding body; None at the top and in a block, which sees only its own
    blocks: tuple[tuple[str, Span], ...] = ()  # block name and place of use, outermost first
    last: Wire | None = None
    last_name: str = ""
    last_broken: bool = False
    off: dict[str, Span] = field(default_factory=dict)  # names switched off by `when`

    def define(self, name: str, value: Value) -> None:
        self.names[name] = value
        self.last_name = name
        self.last = value.ports.get("")
        self.last_broken = value.broken

    def visible(self) -> list[str]:
        """Every name that can be referred to from here."""
        mine = list(self.names)
        return mine + [n for n in self.parent.visible() if n not in mine] if self.parent else mine

    def route(self, local: str) -> str:
        """The way through blocks to a layer of this body: `in block basic, layer2.0.conv1, used at line 31`."""
        if not self.blocks:
            return ""
        names = " in ".join(f"block {name}" for name, _ in reversed(self.blocks))
        return f"in {names}, {self.prefix}{local}, used at line {self.blocks[0][1].line}"


def lookup(text: str, span: Span, frame: Frame) -> Value:
    """What a reference stands for.  Raises NS308."""
    first, *rest = text.split(".")
    home: Frame | None = frame
    while home is not None and first not in home.names:
        home = home.parent
    if home is None:
        raise _unknown(first, span, frame)
    value = home.names[first]
    path = first
    for i, part in enumerate(rest):
        if value.broken:
            raise Broken()
        last = i == len(rest) - 1
        if value.inner and part in value.inner:
            value = value.inner[part]
        elif part in value.ports and last:
            value = Value(value.path, {"": value.ports[part]}, value.span, leaf=True)
        elif value.leaf and last and "" in value.ports:
            value = Value(value.path, {"": replace(value.ports[""], port=part)}, value.span)
        elif value.opaque:
            hint = f"give block {value.opaque} an output: `outputs: {{{part}: {'.'.join(rest[i:])}}}`"
            raise NetspecError("NS308", f"`{text}` leads into block {value.opaque}, whose layers are its own", span, hint=hint)
        else:
            inside = [*(value.inner or {}), *(p for p in value.ports if p)]
            hint = did_you_mean(part, inside, f"it holds {', '.join(inside)}" if inside else "it is a single layer")
            raise NetspecError("NS308", f"`{path}` holds no `{part}`", span, hint=hint)
        path = f"{path}.{part}"
    if value.broken:
        raise Broken()
    return value


def _unknown(name: str, span: Span, frame: Frame) -> NetspecError:
    home: Frame | None = frame
    while home is not None:
        if name in home.off:
            return NetspecError("NS308", f"`{name}` is switched off by its `when`", span,
                                hint=f"line {home.off[name].line}; switch this reader off with it")  # fmt: skip
        if name in home.declared:
            return _forward(name, span, home)
        home = home.parent
    visible = frame.visible()
    where = f"block {frame.blocks[-1][0]} sees only its own names: " if frame.blocks else "there are "
    return NetspecError("NS308", f"no layer or input is named {show(name)}", span,
                        hint=did_you_mean(name, visible, f"{where}{', '.join(visible[-12:])}"))  # fmt: skip


def _forward(name: str, span: Span, frame: Frame) -> NetspecError:
    """A layer further down, or the layer itself: a cycle when it depends on this one."""
    order = list(frame.declared.entries)
    here = next((n for n in order if _holds(frame.declared.entries[n], span)), order[-1])
    chain = _chain(name, here, frame.declared)
    if chain:
        return NetspecError("NS310", f"a cycle: {' -> '.join([here, *chain])}", span,
                            hint="a network of this language has no cycles; a loop over time is a recurrent cell")  # fmt: skip
    line = frame.declared.key_span(name).line
    return NetspecError("NS308", f"`{name}` stands below, at line {line}", span,
                        hint="layers stand in the order of the data: move it above this one")  # fmt: skip


def _chain(start: str, goal: str, layers: Map) -> list[str]:
    """The names from `start` back to `goal` along what each reads; empty when there is no way."""
    order = list(layers.entries)
    before: dict[str, str] = {start: ""}
    queue = [start]
    while queue:
        name = queue.pop(0)
        if name == goal:
            chain = [name]
            while before[chain[-1]]:
                chain.append(before[chain[-1]])
            return chain[::-1]
        for read in _reads(name, layers, order):
            if read in layers and read not in before:
                before[read] = name
                queue.append(read)
    return []


def _reads(name: str, layers: Map, order: list[str]) -> list[str]:
    tree = layers.entries[name]
    source = tree.get("from") if isinstance(tree, Map) else None
    if source is None:
        at = order.index(name)
        return [order[at - 1]] if at else []
    return [t.split(".")[0] for t in _texts(source)]


def _texts(tree: Tree) -> list[str]:
    if isinstance(tree, Scalar):
        return [tree.value] if isinstance(tree.value, str) else []
    return [t for item in (tree.items if isinstance(tree, Items) else tree.entries.values()) for t in _texts(item)]


def _holds(tree: Tree, span: Span) -> bool:
    start, end = (tree.span.line, tree.span.column), (tree.span.end_line, tree.span.end_column)
    return tree.span.source is span.source and start <= (span.line, span.column) < end
