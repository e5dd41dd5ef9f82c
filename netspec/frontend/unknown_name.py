"""A reference that finds nothing: what is wrong with it, and what was meant."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from netspec.frontend.blocks import line_of
from netspec.frontend.containers import bodies
from netspec.frontend.names import Frame
from netspec.source.errors import NetspecError, did_you_mean, meant
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree


def unknown_name(name: str, span: Span, frame: Frame, sharing: bool) -> NetspecError:
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
        hint: str = meant(name, inside)
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
        sources = tree.get("from") if isinstance(tree, Map) else None
        if sources is None and above:
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
