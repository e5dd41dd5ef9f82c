"""Names: what each stands for, who can see it, and what is wrong with a reference that finds nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from netspec.frontend.blocks import line_of
from netspec.frontend.containers import bodies
from netspec.layers.base import Layer
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
class Value:
    """What a name stands for: the tensors it gives, and what can be reached inside.

    The key "" is its only tensor, which may have a name as well.
    """

    path: str
    ports: Mapping[str, Wire]
    span: Span
    inner: Mapping[str, Value] | None = None
    opaque: str = ""  # the block whose inside cannot be reached
    leaf: Layer | None = None  # it is this layer, or ends in it: its ports are known once its shapes are
    broken: bool = False  # already reported: readers stay silent

    def may_give(self, port: str) -> bool:
        """Whether it may have such an output: of a layer the graph says so, of a group the kind of its last layer."""
        if self.leaf is None:
            return False
        if self.inner and "0" in self.inner and port.isdigit():  # copies have numbers
            return False
        return self.leaf.gives(port) if self.inner or self.opaque else True

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
    names: dict[str, Value]
    parent: Frame | None = None  # the surrounding body; None at the top and in a block, which sees only its own
    blocks: tuple[tuple[str, Span], ...] = ()  # block name and place of use, outermost first
    copy: str = ""  # "in stage.1, copy 2 of 3", the innermost
    last: Wire | None = None
    last_name: str = ""
    last_broken: bool = False
    off: dict[str, tuple[str, Span]] = field(default_factory=dict)  # names without a layer: why, and where it says so

    def define(self, name: str, value: Value) -> None:
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


def lookup(text: str, span: Span, frame: Frame, *, sharing: bool = False) -> Value:
    """What a reference stands for (`sharing`: whose weights).  Raises NS308, and NS310 for a cycle."""
    first, *rest = text.split(".")
    home: Frame | None = frame
    while home is not None and first not in home.names:
        home = home.parent
    if home is None:
        raise _unknown(first, span, frame, sharing)
    value = home.names[first]
    path = first
    for i, part in enumerate(rest):
        if value.broken:
            raise BrokenError()
        last = i == len(rest) - 1
        if value.inner and part in value.inner:
            value = value.inner[part]
        elif part in value.ports and last:
            value = Value(value.path, {"": value.ports[part]}, value.span)
        elif last and "" in value.ports and value.may_give(part):
            value = Value(value.path, {"": replace(value.ports[""], port=part)}, value.span)
        elif value.opaque:
            hint = f"give block {value.opaque} an output: `outputs: {{{part}: {'.'.join(rest[i:])}}}`"
            raise NetspecError(
                "NS308", f"`{text}` leads into block {value.opaque}, whose layers are its own", span, hint=hint
            )
        else:
            inside = [*(value.inner or {}), *(p for p in value.ports if p)]
            hint = did_you_mean(part, inside, f"it holds {', '.join(inside)}" if inside else "it is a single layer")
            raise NetspecError("NS308", f"`{path}` holds no `{part}`", span, hint=hint)
        path = f"{path}.{part}"
    if value.broken:
        raise BrokenError()
    return value


def _unknown(name: str, span: Span, frame: Frame, sharing: bool) -> NetspecError:
    inside = ""
    home: Frame | None = frame
    while home is not None:
        if name in home.off:
            why, place = home.off[name]
            return NetspecError(
                "NS308", f"`{name}` {why} at {line_of(place, span)}", span, hint="switch this reader off with it"
            )
        if name in home.declared and sharing:
            return _shared_below(name, span, home)
        if name in home.declared:
            return _forward(name, span, home)
        inside = inside or next((f"{n}.{name}" for n, v in home.names.items() if v.inner and name in v.inner), "")
        home = home.parent
    if inside:
        hint = f"did you mean `{inside}`?"
    else:
        visible = frame.visible()
        where = f"block {frame.blocks[-1][0]} sees only its own names" if frame.blocks else "there are"
        hint = did_you_mean(
            name, visible, f"{where}: {', '.join(f'`{n}`' for n in visible[-12:])}".replace("are:", "are")
        )
    return NetspecError("NS308", f"no layer or input is named {show(name)}", span, hint=hint)


def _shared_below(name: str, span: Span, frame: Frame) -> NetspecError:
    if _holds(frame.declared.entries[name], span):
        return NetspecError("NS308", f"`{name}` cannot share weights with itself", span, hint="name a layer above it")
    return NetspecError(
        "NS308",
        f"`{name}` stands below, at {line_of(frame.declared.key_span(name), span)}",
        span,
        hint=f"weights are shared with a layer above: let `{name}` share this layer's",
    )


def _forward(name: str, span: Span, frame: Frame) -> NetspecError:
    """A layer further down, or the layer itself: a cycle when it depends on this one."""
    here = next((n for n, tree in frame.declared.entries.items() if _holds(tree, span)), "")
    if here and (path := _path(_reads(frame.declared), name, here)):
        chain = " -> ".join([here, *path])
        return NetspecError(
            "NS310",
            f"a cycle: {chain}",
            span,
            hint="a network of this language has no cycles; a loop over time is a recurrent cell",
        )
    return NetspecError(
        "NS308",
        f"`{name}` stands below, at {line_of(frame.declared.key_span(name), span)}",
        span,
        hint="layers stand in the order of the data: move it above this one",
    )


def _path(reads: Mapping[str, Collection[str]], start: str, end: str) -> list[str]:
    """The shortest way from a name to one that it reads, through others; empty when there is none."""
    before = {start: ""}
    queue = deque([start])
    while queue and end not in before:
        name = queue.popleft()
        for other in reads.get(name, ()):
            if other not in before:
                before[other] = name
                queue.append(other)
    path, name = [], end if end in before else ""
    while name:
        path.append(name)
        name = before[name]
    return path[::-1]


@lru_cache(maxsize=8)  # a file may have many forward references in one body
def _reads(layers: Map) -> dict[str, dict[str, None]]:
    """Which name of a body reads which."""
    reads: dict[str, dict[str, None]] = {}
    above = ""
    for name, tree in layers.entries.items():
        named = list(_references(tree))
        own = tree.get("from") if isinstance(tree, Map) else None
        if own is None and above:
            named.append(above)
        reads[name] = dict.fromkeys(text.split(".")[0] for text in named)
        above = name
    return reads


def _references(tree: Tree) -> Iterator[str]:
    """What a layer's entry names with `from`, its own and those inside."""
    source = tree.get("from") if isinstance(tree, Map) else None
    yield from _texts(source) if source is not None else ()
    for body in bodies(tree):
        for inner in body.entries.values():
            yield from _references(inner)


def _texts(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Scalar):
        yield from [tree.value] if isinstance(tree.value, str) else []
    else:
        for item in tree.items if isinstance(tree, Items) else tree.entries.values():
            yield from _texts(item)


def _holds(tree: Tree, span: Span) -> bool:
    start, end = (tree.span.line, tree.span.column), (tree.span.end_line, tree.span.end_column)
    return tree.span.source is span.source and start <= (span.line, span.column) < end
